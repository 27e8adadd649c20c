-- What exports read, oldest first.

-- name: entries
select
    id, account_id, posted_at, entry_type, amount_mc, balance_after_mc, counter_account, ref,
    description
from ledger_entries
where $1::uuid is null or account_id = $1
order by posted_at, id;
