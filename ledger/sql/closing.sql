-- A month's close: of an account or of all ($1), posted from $2 to before $3.

-- name: accounts
-- Each amount from another source, so that they can be held against each other. The balances that
-- entries left are one step into an index each.
with moved as (
    select account_id, sum(amount_mc)::bigint as amount_mc
    from ledger_entries
    where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3
    group by account_id
),

since as (
    select account_id, sum(amount_mc)::bigint as amount_mc
    from ledger_entries
    where ($1::uuid is null or account_id = $1) and posted_at >= $3
    group by account_id
)

select
    account.id as account_id,
    coalesce((
        select entry.balance_after_mc
        from ledger_entries as entry
        where entry.account_id = account.id and entry.posted_at < $2
        order by entry.posted_at desc, entry.id desc
        limit 1
    ), 0) as opening_mc,
    coalesce(moved.amount_mc, 0) as moved_mc,
    coalesce((
        select entry.balance_after_mc
        from ledger_entries as entry
        where entry.account_id = account.id and entry.posted_at < $3
        order by entry.posted_at desc, entry.id desc
        limit 1
    ), 0) as closing_mc,
    account.balance_mc - coalesce(since.amount_mc, 0) as balance_mc
from accounts as account
left join moved on account.id = moved.account_id
left join since on account.id = since.account_id
where $1::uuid is null or account.id = $1
order by account.id;

-- name: movements
-- Metered are usage, and what the writer ($4) corrects of it when the truth comes late.
select
    entry_type,
    counter_account,
    (
        entry_type = 'usage'
        or (
            entry_type = 'adjustment' and actor = $4 and counter_account like 'revenue:usage:%'
        )
    ) as is_metered,
    sum(amount_mc)::bigint as amount_mc,
    count(*) as entries
from ledger_entries
where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3
group by entry_type, counter_account, is_metered
order by entry_type, counter_account, is_metered;

-- name: usage
select model, sum(posted_mc)::bigint as posted_mc
from usage_records
where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3
group by model;
