-- What Redis' copy of the balances is made of.

-- name: account
-- With the month of this moment.
select
    balance_mc,
    last_sync_number,
    to_char(clock_timestamp() at time zone 'UTC', 'YYYYMM') as month
from accounts
where id = $1;

-- name: keys
-- What a key has spent in the month $2 is asked only of those that have a limit.
select
    api_key.id,
    api_key.monthly_limit_mc,
    case
        when api_key.revoked_at is not null then 'revoked'
        when account.suspended_at is not null then 'suspended'
        else 'active'
    end as key_state,
    case
        when api_key.monthly_limit_mc is not null then (
            select coalesce(sum(usage_day.charged_mc), 0)::bigint
            from usage_days as usage_day
            where usage_day.key_id = api_key.id and usage_day.day >= to_date($2, 'YYYYMM')
        )
    end as spent_mc
from api_keys as api_key
inner join accounts as account on api_key.account_id = account.id
where api_key.account_id = $1;

-- name: written_settlements
select request_id, kind from usage_records where request_id = any($1::uuid[])
union all
select request_id, 'expiry' as kind from expiries where request_id = any($1::uuid[]);

-- name: syncs_after
select
    number,
    amount_mc,
    key_id,
    key_state,
    limit_mc,
    spent_mc,
    counted_key_id,
    to_char(created_at at time zone 'UTC', 'YYYYMM') as month
from balance_syncs
where account_id = $1 and number > $2
order by number
limit $3;

-- name: last_sync_number
select last_sync_number from accounts where id = $1;

-- name: mark_applied
update accounts set applied_sync_number = $2
where id = $1 and applied_sync_number < $2;

-- name: accounts_with_unapplied_syncs
select id from accounts
where applied_sync_number < last_sync_number
order by id
limit 1000;

-- name: accounts_synced_lately
-- Far more than a replica lags.
select account_id as id from balance_syncs
where created_at > clock_timestamp() - interval '10 minutes'
group by account_id;

-- name: owner_of_key
select id, account_id, prefix from api_keys where key_hash = $1;
