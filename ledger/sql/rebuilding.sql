-- Whether an account's ledger can be trusted enough to make its working copy of it.

-- name: end_of_chain
select
    account.balance_mc,
    coalesce(last_entry.balance_after_mc, 0) as entry_balance_mc
from accounts as account
left join lateral (
    select entry.balance_after_mc
    from ledger_entries as entry
    where entry.account_id = account.id
    order by entry.sequence desc
    limit 1
) as last_entry on true
where account.id = $1;

-- name: accounts_after
select id from accounts
where $1::uuid is null or id > $1
order by id
limit $2;
