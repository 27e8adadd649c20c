-- Accounts, keys, the ledger and its usage. Run as the owner; the application is tollgate_app,
-- which can add entries and usage rows but never change or delete one.

create table accounts (
    id uuid primary key,
    name text not null check (length(name) between 1 and 200),
    email text check (length(email) <= 320),
    redis_partition smallint not null check (redis_partition between 0 and 63),
    created_at timestamptz not null default clock_timestamp(),
    balance_mc bigint not null default 0,
    last_sequence bigint not null default 0,
    last_posted_at timestamptz not null default '2000-01-01 00:00:00+00',
    -- What Redis has not taken itself reaches it by number, in order.
    last_sync_number bigint not null default 0,
    applied_sync_number bigint not null default 0,
    -- Redis reads amounts as doubles: exact below 2^53.
    constraint accounts_balance_is_exact_in_redis check (
        balance_mc between -9007199254740991 and 9007199254740991
    )
);

create index accounts_with_unapplied_syncs on accounts (id)
where applied_sync_number < last_sync_number;

create index accounts_by_age on accounts (created_at, id);

create table api_keys (
    id uuid primary key,
    account_id uuid not null references accounts (id),
    name text not null check (length(name) between 1 and 200),
    prefix text not null,
    key_hash bytea not null unique,
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz
);

create index api_keys_of_an_account on api_keys (account_id);

-- One movement of an account's balance, and the account on its other side. The foreign key to the
-- entry before makes each account's entries one unbroken chain.
create table ledger_entries (
    id uuid primary key,
    transaction_id uuid not null,
    account_id uuid not null references accounts (id),
    sequence bigint not null check (sequence >= 1),
    posted_at timestamptz not null,
    entry_type text not null check (
        entry_type in (
            'grant', 'purchase', 'bonus', 'usage', 'refund', 'dispute', 'adjustment', 'expiry'
        )
    ),
    amount_mc bigint not null check (amount_mc <> 0),
    balance_before_mc bigint not null,
    balance_after_mc bigint not null,
    counter_account text not null,
    ref text,
    description text not null default '',
    actor text not null,
    receipt_url text,
    idempotency_key text,
    previous_sequence bigint generated always as (nullif(sequence - 1, 0)) stored,
    constraint ledger_entries_add_up check (balance_after_mc = balance_before_mc + amount_mc),
    constraint ledger_entries_start_at_zero check (sequence > 1 or balance_before_mc = 0),
    unique (account_id, sequence, balance_after_mc),
    constraint ledger_entries_are_a_chain foreign key (
        account_id, previous_sequence, balance_before_mc
    ) references ledger_entries (account_id, sequence, balance_after_mc)
);

create unique index ledger_entries_sequence on ledger_entries (account_id, sequence);

create unique index ledger_entries_idempotency on ledger_entries (account_id, idempotency_key)
where idempotency_key is not null;

create index ledger_entries_by_time on ledger_entries (account_id, posted_at desc, id desc);

create index ledger_entries_of_all_by_time on ledger_entries (posted_at desc, id desc);

-- Every entry as its two sides; each transaction sums to zero.
create view postings as
select
    id,
    transaction_id,
    posted_at,
    entry_type,
    'liabilities:credits:' || account_id as ledger_account,
    -- A credit that a customer has is owed to that customer.
    -amount_mc as amount_mc
from ledger_entries
union all
select
    id,
    transaction_id,
    posted_at,
    entry_type,
    counter_account as ledger_account,
    amount_mc
from ledger_entries;

-- One request. (request_id, kind) is the settlement id: a settlement that is here was written.
-- `charge_mc` is what the request costs in all, `posted_mc` what this row moved in the ledger.
create table usage_records (
    request_id uuid not null,
    kind text not null check (kind in ('settled', 'orphan')),
    account_id uuid not null,
    key_id uuid not null,
    created_at timestamptz not null,
    posted_at timestamptz not null,
    model text not null,
    endpoint text not null,
    status text not null,
    basis text not null check (
        basis in ('provider', 'counted', 'estimated', 'ceiling', 'none')
    ),
    is_stream boolean not null,
    input_tokens bigint not null check (input_tokens >= 0),
    cached_input_tokens bigint not null check (cached_input_tokens >= 0),
    output_tokens bigint not null check (output_tokens >= 0),
    reasoning_tokens bigint not null check (reasoning_tokens >= 0),
    units jsonb not null,
    rates jsonb not null,
    rate_version text not null,
    rounding text not null,
    ceiling_mc bigint not null check (ceiling_mc >= 0),
    charge_mc bigint not null check (charge_mc >= 0),
    posted_mc bigint not null,
    latency_ms bigint,
    primary key (request_id, kind)
) partition by range (request_id);

create table usage_records_default partition of usage_records default;

create index usage_records_by_time on usage_records (account_id, posted_at desc, request_id desc);

create index usage_records_of_all_by_time on usage_records (posted_at desc, request_id desc);

-- The smallest UUIDv7 of a moment.
create function uuid_floor(moment timestamptz) returns uuid
language sql immutable strict as $$
    select (
        lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || repeat('0', 20)
    )::uuid
$$;

-- Makes the months' partitions from this month on. The application may call it, as the owner. A
-- month of which the default partition has rows (a clock was wrong) stays there.
create function ensure_usage_partitions(months_ahead integer) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    month_start timestamptz;
    month_name text;
begin
    for i in 0..months_ahead loop
        month_start := (
            date_trunc('month', now() at time zone 'UTC') + make_interval(months => i)
        ) at time zone 'UTC';
        month_name := 'usage_records_' || to_char(month_start at time zone 'UTC', 'YYYY_MM');
        if to_regclass(month_name) is null then
            begin
                execute format(
                    'create table %I partition of usage_records for values from (%L) to (%L)',
                    month_name,
                    uuid_floor(month_start),
                    uuid_floor(
                        (month_start at time zone 'UTC' + interval '1 month') at time zone 'UTC'
                    )
                );
            exception when check_violation then
                raise warning '% stays in usage_records_default', month_name;
            end;
        end if;
    end loop;
end
$$;

-- What Redis must be told of an account, by number: an amount, or the state of a key.
create table balance_syncs (
    account_id uuid not null references accounts (id),
    number bigint not null check (number >= 1),
    amount_mc bigint not null default 0,
    key_id uuid,
    key_state text check (key_state in ('active', 'revoked')),
    reason text not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (account_id, number),
    check ((key_id is null) = (key_state is null))
);

create index balance_syncs_by_age on balance_syncs using brin (created_at);

-- How far the stream of each partition is written: its records are numbered without gaps. Each time
-- that Redis was set back is an epoch: a Redis of another one has lost the repair as well.
create table stream_positions (
    redis_partition smallint primary key check (redis_partition between 0 and 63),
    epoch bigint not null default 0,
    last_number bigint not null default 0
);

insert into stream_positions (redis_partition)
select n from generate_series(0, 63) as n;

-- Records that could not be written. Their tombstones stay in Redis, so no credit is lost.
create table rejected_records (
    id uuid primary key,
    redis_partition smallint not null,
    number bigint not null,
    record jsonb not null,
    reason text not null,
    created_at timestamptz not null default clock_timestamp()
);

-- What an operator must look at; `undelivered` charges wait here for a refund.
create table alerts (
    id uuid primary key,
    kind text not null,
    account_id uuid,
    request_id uuid,
    amount_mc bigint,
    detail text not null default '',
    raised_at timestamptz not null default clock_timestamp(),
    unique (kind, request_id)
);

create table rate_versions (
    version text primary key,
    applied_at timestamptz not null default clock_timestamp(),
    content jsonb not null
);

grant select, insert on ledger_entries, usage_records, balance_syncs to tollgate_app;
grant select, insert on rejected_records, alerts, rate_versions to tollgate_app;
grant select, insert on accounts, api_keys to tollgate_app;
grant update (
    balance_mc, last_sequence, last_posted_at, last_sync_number, applied_sync_number, name, email
) on accounts to tollgate_app;
grant update (revoked_at) on api_keys to tollgate_app;
grant select, update on stream_positions to tollgate_app;
grant select on postings to tollgate_app;
grant execute on function ensure_usage_partitions(integer) to tollgate_app;
