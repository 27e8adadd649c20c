-- Who has fallen under their threshold, and who has come back.

-- name: only_one_looks
-- A look with an older view than another's would tell again what that one has told.
select pg_try_advisory_xact_lock(hashtextextended('tollgate low balances', 0));

-- name: now
select clock_timestamp();

-- name: cross_thresholds
-- Only accounts of which something has changed since $2 are looked at. One that has no entries has
-- never had credits: it has not fallen.
with changed as (
    select id from accounts where last_posted_at >= $2
    union
    select account_id as id from billing_settings where updated_at >= $2
),

looked_at as (
    select
        account.id,
        account.name,
        account.balance_mc,
        coalesce(settings.notice_email, account.email) as email,
        coalesce(settings.low_balance_mc, $1) as threshold_mc,
        account.balance_mc < coalesce(settings.low_balance_mc, $1) as is_low,
        coalesce(known.is_low, false) as was_low
    from changed
    inner join accounts as account on changed.id = account.id
    left join billing_settings as settings on account.id = settings.account_id
    left join low_balances as known on account.id = known.account_id
    where account.last_sequence > 0
),

crossed as (
    insert into low_balances (account_id, is_low)
    select id, is_low from looked_at where is_low <> was_low
    on conflict (account_id) do update
        set is_low = excluded.is_low, changed_at = clock_timestamp()
    returning account_id
)

select looked_at.id, looked_at.name, looked_at.email, looked_at.balance_mc, looked_at.threshold_mc
from looked_at
inner join crossed on looked_at.id = crossed.account_id
where
    looked_at.is_low
    -- Whoever moves the threshold to and fro must not send mail to whom they like for that.
    and (
        select count(*) from notices
        where
            notices.account_id = looked_at.id
            and notices.kind = 'low_balance'
            and notices.created_at > clock_timestamp() - interval '1 day'
    ) < $3;

-- name: fallen_since
-- One that has never had credits has been low from its beginning.
select coalesce(known.changed_at, account.created_at)
from accounts as account
left join low_balances as known on account.id = known.account_id and known.is_low
where account.id = $1 and (known.is_low or account.last_sequence = 0);
