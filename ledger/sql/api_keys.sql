-- Keys of accounts. Each change is numbered for Redis under the account's lock.

-- name: account_exists
select exists(select 1 from accounts where id = $1);

-- name: lock_account
select suspended_at is not null as is_suspended
from accounts
where id = $1
for update;

-- name: insert_key
insert into api_keys (id, account_id, name, prefix, key_hash)
values ($1, $2, $3, $4, $5)
returning id, account_id, name, prefix, created_at, revoked_at;

-- name: account_of_key
select account_id
from api_keys
where id = $1;

-- name: keys_of_account
select id, account_id, name, prefix, created_at, revoked_at
from api_keys
where account_id = $1
order by created_at desc, id desc;

-- name: revoke_key
-- A key is revoked once; the second time nothing comes back.
update api_keys
set revoked_at = clock_timestamp()
where id = $1 and revoked_at is null
returning id, account_id, name, prefix, created_at, revoked_at;

-- name: key
select id, account_id, name, prefix, created_at, revoked_at
from api_keys
where id = $1;

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
