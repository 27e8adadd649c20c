-- Purchases, and what becomes of them.

-- name: purchase
select
    id, account_id, kind, package_id, label, price_cents, base_mc, bonus_mc, is_price_exact, status,
    created_at, checkout_session_id, checkout_url, payment_intent_id, failure, paid_at, paid_cents,
    charged_cents, posted_base_mc, posted_bonus_mc, posted_base_refund_mc, posted_bonus_refund_mc,
    posted_dispute_mc, posting_rounds,
    (
        select charge.receipt_url
        from payment_charges as charge
        where
            charge.payment_intent_id = purchase.payment_intent_id and charge.receipt_url is not null
        order by charge.charge_id desc
        limit 1
    ) as receipt_url
from purchases as purchase
where id = $1;

-- name: purchases_of_account
select
    id, account_id, kind, package_id, label, price_cents, base_mc, bonus_mc, is_price_exact, status,
    created_at, checkout_session_id, checkout_url, payment_intent_id, failure, paid_at, paid_cents,
    charged_cents, posted_base_mc, posted_bonus_mc, posted_base_refund_mc, posted_bonus_refund_mc,
    posted_dispute_mc, posting_rounds,
    (
        select charge.receipt_url
        from payment_charges as charge
        where
            charge.payment_intent_id = purchase.payment_intent_id and charge.receipt_url is not null
        order by charge.charge_id desc
        limit 1
    ) as receipt_url
from purchases as purchase
where account_id = $1 and (created_at, id) < ($2, $3) and created_at >= $4
order by created_at desc, id desc
limit $5;

-- name: insert_purchase
insert into purchases (
    id, account_id, kind, package_id, label, price_cents, base_mc, bonus_mc, is_price_exact,
    request_key
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);

-- name: lock_purchase
-- After the payment's lock, before the account's.
select account_id from purchases where id = $1 for update;

-- name: lock_account_of_purchase
-- Before the purchase changes: its second change in a transaction shares a lock of the account, for
-- the reference to it, and two that share one would wait for each other to have it alone.
select id from accounts where id = $1 for update;

-- name: purchase_of_a_payment
select id from purchases where payment_intent_id = $1;

-- name: purchase_of_a_session
select id from purchases where checkout_session_id = $1;

-- name: purchase_exists
select id from purchases where id = $1;

-- name: one_checkout_at_a_time
select pg_advisory_xact_lock(hashtextextended('tollgate checkout ' || $1, 0));

-- name: purchase_by_request_key
select id from purchases where account_id = $1 and request_key = $2;

-- name: purchase_begun_lately
select id
from purchases
where
    account_id = $1
    and package_id = $2
    and kind = 'checkout'
    and request_key is null
    and status in ('created', 'open')
    and created_at > clock_timestamp() - $3::interval
order by created_at desc
limit 1;

-- name: name_session
update purchases
set
    checkout_session_id = coalesce(checkout_session_id, $2),
    checkout_url = coalesce(checkout_url, $3)
where id = $1;

-- name: name_payment
update purchases set payment_intent_id = $2 where id = $1 and payment_intent_id is null;

-- name: reach
-- A status only goes on, whatever comes late: paid is the last.
update purchases set
    status = $2,
    failure = $3
where
    id = $1
    and array_position(array['created', 'open', 'processing', 'expired', 'failed', 'paid'], status)
    < array_position(array['created', 'open', 'processing', 'expired', 'failed', 'paid'], $2);

-- name: be_paid
-- Once: what says so later changes nothing.
update purchases
set
    status = 'paid',
    failure = null,
    paid_at = clock_timestamp(),
    paid_cents = $2,
    charged_cents = $3
where id = $1 and paid_at is null;

-- name: forget_request_key
update purchases set request_key = null where id = $1;

-- name: note_what_is_posted
update purchases
set
    posted_base_mc = $2,
    posted_bonus_mc = $3,
    posted_base_refund_mc = $4,
    posted_bonus_refund_mc = $5,
    posted_dispute_mc = $6,
    posting_rounds = posting_rounds + 1
where id = $1;
