-- Entries that people post: grants and adjustments.

-- name: lock_account
select balance_mc, last_sequence, last_sync_number
from accounts
where id = $1
for update;

-- name: entry_by_idempotency_key
-- Read after the lock, in a statement of its own, so that it sees what the last holder committed.
select
    id, account_id, sequence, posted_at, entry_type, amount_mc, balance_before_mc,
    balance_after_mc, ref, description, receipt_url
from ledger_entries
where account_id = $1 and idempotency_key = $2;

-- name: post_entry
-- The entry, the account and what Redis must be told of it. A microsecond at least after the last
-- one, so that an account's entries sort by time as by sequence, also when the clock is set back.
with account as (
    update accounts
    set
        balance_mc = $5,
        last_sequence = $6,
        last_sync_number = $7,
        last_posted_at = greatest(clock_timestamp(), last_posted_at + interval '1 microsecond')
    where id = $2
    returning last_posted_at
),

told as (
    insert into balance_syncs (account_id, number, amount_mc, reason)
    values ($2, $7, $3, $8)
)

insert into ledger_entries (
    id, transaction_id, account_id, sequence, posted_at, entry_type, amount_mc,
    balance_before_mc, balance_after_mc, counter_account, description, actor, idempotency_key
)
select $1, $1, $2, $6, last_posted_at, $8, $3, $4, $5, $9, $10, $11, $12
from account
returning
    id, account_id, sequence, posted_at, entry_type, amount_mc, balance_before_mc,
    balance_after_mc, ref, description, receipt_url;
