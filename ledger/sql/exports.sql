-- What exports read, oldest first: of an account or of all ($1), posted from $2 to before $3.

-- name: plan_for_first_rows
-- Rows are wanted as they come, so walking an index beats sorting a table; the planner cannot know,
-- and would compile what runs once.
set local enable_sort = off;
set local jit = off;
set local plan_cache_mode = force_custom_plan;

-- name: usage
select
    request_id, kind, account_id, key_id, created_at, posted_at, model, endpoint, status, basis,
    is_stream, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, units, rates,
    rate_version, rounding, ceiling_mc, charge_mc, posted_mc, latency_ms, costs, cost_picousd
from usage_records
where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3
order by posted_at, request_id;

-- name: count_usage
select count(*)
from usage_records
where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3;

-- name: entries
select
    id, transaction_id, account_id, sequence, posted_at, entry_type, amount_mc, balance_before_mc,
    balance_after_mc, counter_account, ref, description, actor, corrects_entry_id, expires_at,
    coalesce(
        receipt_url,
        -- Stripe may name the receipt after the entry was posted.
        case
            when entry_type = 'purchase' then (
                select receipt.receipt_url
                from purchase_receipts as receipt
                where receipt.ref = entry.ref and receipt.account_id = entry.account_id
                order by receipt.charge_id desc
                limit 1
            )
        end
    ) as receipt_url
from ledger_entries as entry
where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3
order by posted_at, id;

-- name: count_entries
select count(*)
from ledger_entries
where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3;

-- name: counter_accounts
select counter_account
from ledger_entries
where ($1::uuid is null or account_id = $1) and posted_at >= $2 and posted_at < $3
group by counter_account;

-- name: accounts_with_entries
select account.id as account_id
from accounts as account
where
    ($1::uuid is null or account.id = $1)
    and exists (
        select 1
        from ledger_entries as entry
        where
            entry.account_id = account.id and entry.posted_at >= $2 and entry.posted_at < $3
    );

-- name: balances_before
-- Of each account the last entry before a moment: one step into an index.
with before as (
    select
        account.id as account_id,
        (
            select entry.balance_after_mc
            from ledger_entries as entry
            where entry.account_id = account.id and entry.posted_at < $2
            order by entry.posted_at desc, entry.id desc
            limit 1
        ) as balance_mc
    from accounts as account
    where $1::uuid is null or account.id = $1
)

select account_id, balance_mc
from before
where balance_mc <> 0
order by account_id;
