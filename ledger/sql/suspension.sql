-- Accounts whose calls are refused for a while.

-- name: lock_account
select suspended_at is not null as is_suspended
from accounts
where id = $1
for update;

-- name: set_suspended
update accounts
set suspended_at = case when $2::boolean then clock_timestamp() end
where id = $1;

-- name: sync_keys
-- Under the account's lock: what Redis must be told of each key that is good.
with told as (
    select
        api_key.id as key_id,
        account.last_sync_number + row_number() over (order by api_key.id) as number,
        case when account.suspended_at is null then 'active' else 'suspended' end as key_state
    from api_keys as api_key
    inner join accounts as account on api_key.account_id = account.id
    where account.id = $1 and api_key.revoked_at is null
),

numbered as (
    update accounts
    set last_sync_number = last_sync_number + (select count(*) from told)
    where id = $1
)

insert into balance_syncs (account_id, number, key_id, key_state, reason)
select $1, number, key_id, key_state, 'key ' || key_state
from told;
