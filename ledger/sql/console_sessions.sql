-- Who is signed in to the Credits page, as Postgres keeps it.

-- name: insert_session
-- Whoever comes sweeps up after those whose time is over.
with ended as (
    delete from console_sessions
    where expires_at < clock_timestamp()
)

insert into console_sessions (token_hash, account_id, key_id, expires_at)
values ($1, $2, $3, clock_timestamp() + make_interval(secs => $4));

-- name: session
-- A session by a key ends with the key.
select
    session.account_id::text as account_id,
    session.key_id::text as key_id
from console_sessions as session
left join api_keys as api_key on session.key_id = api_key.id
where
    session.token_hash = $1
    and session.expires_at > clock_timestamp()
    and api_key.revoked_at is null;

-- name: delete_session
delete from console_sessions
where token_hash = $1;
