-- How far Stripe was asked, and what it may not have told of.

-- name: synced_until
select synced_until from billing_sync where is_live = $1;

-- name: note_synced
insert into billing_sync (is_live, synced_until) values ($1, $2)
on conflict (is_live) do update
    set synced_until = greatest(billing_sync.synced_until, excluded.synced_until);

-- name: now
select clock_timestamp();

-- name: posted_since
select ref, amount_mc
from ledger_entries
where account_id = $1 and posted_at >= $2 and actor = 'stripe' and ref is not null;

-- name: purchases_under_way
select
    id, account_id, kind, package_id, label, price_cents, base_mc, bonus_mc, is_price_exact, status,
    created_at, checkout_session_id, checkout_url, payment_intent_id, failure, paid_at, paid_cents,
    charged_cents, posted_base_mc, posted_bonus_mc, posted_base_refund_mc, posted_bonus_refund_mc,
    posted_dispute_mc, posting_rounds, null as receipt_url
from purchases
where status in ('created', 'open', 'processing') and created_at > $1
order by created_at;
