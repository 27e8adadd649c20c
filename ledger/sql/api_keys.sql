-- Keys of accounts. Each change is numbered for Redis under the account's lock.

-- name: account_exists
select exists(select 1 from accounts where id = $1);

-- name: lock_account
select suspended_at is not null as is_suspended
from accounts
where id = $1
for update;

-- name: insert_key
insert into api_keys (id, account_id, name, prefix, key_hash, monthly_limit_mc)
values ($1, $2, $3, $4, $5, $6);

-- name: account_of_key
select account_id
from api_keys
where id = $1;

-- name: keys_of_account
-- All, or one of them, with what each has used, out of the daily sums.
select
    api_key.id,
    api_key.account_id,
    api_key.name,
    api_key.prefix,
    api_key.created_at,
    api_key.revoked_at,
    api_key.monthly_limit_mc,
    used.last_at,
    coalesce(used.spent_mc, 0) as spent_mc
from api_keys as api_key
left join lateral (
    select
        sum(usage_day.charged_mc) filter (
            where usage_day.day >= date_trunc('month', clock_timestamp() at time zone 'UTC')
        )::bigint as spent_mc,
        max(usage_day.last_at) as last_at
    from usage_days as usage_day
    where usage_day.key_id = api_key.id
) as used on true
where api_key.account_id = $1 and ($2::uuid is null or api_key.id = $2)
order by api_key.created_at desc, api_key.id desc;

-- name: key_has_limit
select count(*) > 0
from api_keys
where id = $2 and account_id = $1 and monthly_limit_mc is not null;

-- name: revoke_key
-- A key is revoked once; the second time nothing comes back.
update api_keys
set revoked_at = clock_timestamp()
where id = $1 and revoked_at is null
returning id;

-- name: set_limit
-- Nothing comes back where it was so.
update api_keys
set monthly_limit_mc = $2
where id = $1 and monthly_limit_mc is distinct from $2
returning id;

-- name: sync_key
-- Under the account's lock: what Redis must be told of a key.
with numbered as (
    update accounts
    set last_sync_number = last_sync_number + 1
    where id = $1
    returning id, last_sync_number
)

insert into balance_syncs (account_id, number, key_id, key_state, reason)
select id, last_sync_number, $2, $3, $4
from numbered;

-- name: sync_limit
-- As above, of a key's limit. A new one counts from what is written of the month by now.
with numbered as (
    update accounts
    set last_sync_number = last_sync_number + 1
    where id = $1
    returning id, last_sync_number, suspended_at is not null as is_suspended
),

spent as (
    select coalesce(sum(charged_mc), 0)::bigint as spent_mc
    from usage_days
    where key_id = $2 and day >= date_trunc('month', clock_timestamp() at time zone 'UTC')
)

insert into balance_syncs (account_id, number, key_id, key_state, limit_mc, spent_mc, reason)
select
    numbered.id as account_id,
    numbered.last_sync_number as number,
    api_key.id as key_id,
    case
        when api_key.revoked_at is not null then 'revoked'
        when numbered.is_suspended then 'suspended'
        else 'active'
    end as key_state,
    coalesce(api_key.monthly_limit_mc, 0) as limit_mc,
    spent.spent_mc,
    'key limit' as reason
from numbered
cross join spent
inner join api_keys as api_key on numbered.id = api_key.account_id
where api_key.id = $2;
