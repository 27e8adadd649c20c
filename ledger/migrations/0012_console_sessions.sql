-- Who is signed in to the Credits page, for when Redis, which is asked first, is away: hashes of
-- the sessions' tokens. Without an account it is an operator's. Nothing refers to accounts and
-- keys, which are never deleted: signing in must not wait for whoever has locked an account.

create table console_sessions (
    token_hash text primary key,
    account_id uuid,
    key_id uuid,
    expires_at timestamptz not null,
    constraint console_sessions_by_a_key_are_of_its_account check (
        key_id is null or account_id is not null
    )
);

create index console_sessions_by_end on console_sessions (expires_at);

grant select, insert, delete on console_sessions to tollgate_app;
