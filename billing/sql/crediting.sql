-- What was posted of purchases, and what an operator must look at.

-- name: posted_entries
-- Under the account's lock; the last first. Takes the index `ledger_entries_of_a_purchase`.
select
    entry.id,
    entry.entry_type,
    entry.amount_mc,
    entry.counter_account,
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
where
    entry.account_id = $1
    and entry.ref = $2
    and entry.entry_type in ('purchase', 'bonus', 'refund')
order by entry.sequence desc;

-- name: lock_account
select last_sync_number from accounts where id = $1 for update;

-- name: raise_alert
insert into alerts (id, kind, account_id, request_id, about, detail)
values ($1, $2, $3, $4, $5, $6)
on conflict (kind, request_id, about) do nothing
returning true;

-- name: has_open_dispute
select count(*) > 0
from purchases as purchase
inner join payment_disputes as dispute on purchase.payment_intent_id = dispute.payment_intent_id
where purchase.account_id = $1 and dispute.status = any($2::text[]);

-- name: accounts_to_look_at
-- Those that are suspended, and those that may have to be.
select id from accounts where suspended_at is not null
union
select purchase.account_id as id
from purchases as purchase
inner join payment_disputes as dispute on purchase.payment_intent_id = dispute.payment_intent_id
where dispute.status = any($1::text[]);
