-- Entries that people and payments post.

-- name: lock_accounts
-- Always in the order of their ids, so that two transactions cannot wait for each other.
select id, balance_mc, last_sequence, last_sync_number, clock_timestamp() as now
from accounts
where id = any($1::uuid[])
order by id
for update;

-- name: entry_by_idempotency_key
-- Read after the lock, in a statement of its own, so that it sees what the last holder committed.
select
    id, transaction_id, account_id, sequence, posted_at, entry_type, amount_mc, balance_before_mc,
    balance_after_mc, counter_account, ref, description, receipt_url, actor, corrects_entry_id,
    expires_at
from ledger_entries
where account_id = $1 and idempotency_key = $2;

-- name: corrected
-- After the lock as well: all corrections of an entry are of its account.
select
    entry.entry_type,
    entry.amount_mc,
    entry.counter_account,
    entry.expires_at,
    (
        select coalesce(sum(correction.amount_mc), 0)::bigint
        from ledger_entries as correction
        where correction.corrects_entry_id = entry.id
    ) as corrected_mc,
    (
        select coalesce(sum(expiry.posted_mc), 0)::bigint
        from expiries as expiry
        where expiry.lot_entry_id = entry.id
    ) as expired_mc
from ledger_entries as entry
where entry.id = $1 and entry.account_id = $2;

-- name: post_entry
-- The entry, the account and what Redis must be told of it. A microsecond at least after the last
-- one, so that an account's entries sort by time as by sequence, also when the clock is set back.
with account as (
    update accounts
    set
        balance_mc = $6,
        last_sequence = $7,
        last_sync_number = $8,
        last_posted_at = greatest(clock_timestamp(), last_posted_at + interval '1 microsecond')
    where id = $3
    returning last_posted_at
),

told as (
    insert into balance_syncs (account_id, number, amount_mc, reason)
    values ($3, $8, $4, $9)
)

insert into ledger_entries (
    id, transaction_id, account_id, sequence, posted_at, entry_type, amount_mc,
    balance_before_mc, balance_after_mc, counter_account, description, actor, idempotency_key,
    ref, receipt_url, corrects_entry_id, expires_at
)
select
    $1, $2, $3, $7, last_posted_at, $9, $4, $5, $6, $10, $11, $12, $13, $14, $15, $16, $17
from account
returning
    id, transaction_id, account_id, sequence, posted_at, entry_type, amount_mc, balance_before_mc,
    balance_after_mc, counter_account, ref, description, receipt_url, actor, corrects_entry_id,
    expires_at;
