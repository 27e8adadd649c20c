-- Pages of usage and of entries, newest first. A page is what lies below ($2, $3) in the order of
-- (posted_at, id), so each is one walk along an index, however deep. Where both an orphan's row
-- and the truth are there, the truth is shown; it is a scalar subquery because the planner would
-- answer `exists` by reading the whole table.

-- name: plan_for_what_is_asked
-- One plan for all would have to do without the indexes of filters, which are mostly not given. And
-- where Postgres has not looked at a table for a while, it would rather gather and sort all rows of
-- an account than walk along an index to the few that are asked for.
select
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('enable_sort', 'off', true);

-- name: usage_of_account
select
    request_id, account_id, key_id, created_at, posted_at, model, endpoint, status, basis,
    is_stream, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, units, rates,
    rate_version, rounding, ceiling_mc, charge_mc, latency_ms
from usage_records as record
where
    account_id = $1
    and (posted_at, request_id) < ($2, $3)
    and posted_at >= $4
    and ($5::text is null or model = $5)
    and ($6::uuid is null or key_id = $6)
    and ($7::text is null or status = $7)
    and (
        kind = 'settled'
        or (
            select truth.kind
            from usage_records as truth
            where truth.request_id = record.request_id and truth.kind = 'settled'
        ) is null
    )
order by posted_at desc, request_id desc
limit $8;

-- name: usage_of_all
select
    request_id, account_id, key_id, created_at, posted_at, model, endpoint, status, basis,
    is_stream, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, units, rates,
    rate_version, rounding, ceiling_mc, charge_mc, latency_ms
from usage_records as record
where
    (posted_at, request_id) < ($1, $2)
    and posted_at >= $3
    and ($4::text is null or model = $4)
    and ($5::uuid is null or key_id = $5)
    and ($6::text is null or status = $6)
    and (
        kind = 'settled'
        or (
            select truth.kind
            from usage_records as truth
            where truth.request_id = record.request_id and truth.kind = 'settled'
        ) is null
    )
order by posted_at desc, request_id desc
limit $7;

-- name: call_of_account
select
    request_id, account_id, key_id, created_at, posted_at, model, endpoint, status, basis,
    is_stream, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, units, rates,
    rate_version, rounding, ceiling_mc, charge_mc, latency_ms
from usage_records
where request_id = $1 and account_id = $2
order by kind = 'settled' desc
limit 1;

-- name: entries_of_account
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
where
    account_id = $1
    and (posted_at, id) < ($2, $3)
    and posted_at >= $4
    and ($5::text is null or entry_type = $5)
order by posted_at desc, id desc
limit $6;

-- name: entries_of_all
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
where
    (posted_at, id) < ($1, $2)
    and posted_at >= $3
    and ($4::text is null or entry_type = $4)
order by posted_at desc, id desc
limit $5;

-- name: alerts
select id, kind, account_id, request_id, amount_mc, detail, raised_at
from alerts
where (raised_at, id) < ($1, $2) and raised_at >= $3 and ($4::text is null or kind = $4)
order by raised_at desc, id desc
limit $5;
