-- What Stripe says of payments, by the id of the payment intent. Each fact only grows: told again,
-- or late, it stays.

-- name: lock_payment
-- Held to the end of the transaction, whether or not it is known whose payment it is; also a
-- charge's, before its payment's.
select pg_advisory_xact_lock(hashtextextended('tollgate payment ' || $1, 0));

-- name: payment_of_a_charge
select payment_intent_id from payment_charges where charge_id = $1;

-- name: note_charge
insert into payment_charges (charge_id, payment_intent_id, amount_refunded_cents, receipt_url)
values ($1, $2, $3, $4)
on conflict (charge_id) do update set
    amount_refunded_cents = greatest(
        payment_charges.amount_refunded_cents, excluded.amount_refunded_cents
    ),
    receipt_url = coalesce(excluded.receipt_url, payment_charges.receipt_url);

-- name: adopt_refunds
update payment_refunds set payment_intent_id = $2 where payment_intent_id = $1;

-- name: adopt_disputes
update payment_disputes set payment_intent_id = $2 where payment_intent_id = $1;

-- name: note_refund
insert into payment_refunds (refund_id, payment_intent_id, amount_cents, is_failed)
values ($1, $2, $3, $4)
on conflict (refund_id) do update set
    is_failed = payment_refunds.is_failed or excluded.is_failed;

-- name: note_dispute
insert into payment_disputes (
    dispute_id, payment_intent_id, status, withdrawn_cents, reinstated_cents
)
values ($1, $2, $3, $4, $5)
on conflict (dispute_id) do update set
    -- One that is over stays over, whatever comes late.
    status = case
        when payment_disputes.status = any($6::text[]) then payment_disputes.status
        -- And one that is open does not become the inquiry again that it was.
        when
            payment_disputes.status = any($7::text[])
            and not excluded.status = any($6::text[] || $7::text[])
            then payment_disputes.status
        else excluded.status
    end,
    withdrawn_cents = greatest(payment_disputes.withdrawn_cents, excluded.withdrawn_cents),
    reinstated_cents = greatest(payment_disputes.reinstated_cents, excluded.reinstated_cents);

-- name: refunded_by_charges
select coalesce(sum(amount_refunded_cents), 0)::bigint
from payment_charges
where payment_intent_id = $1;

-- name: refunds
select amount_cents, is_failed from payment_refunds where payment_intent_id = $1;

-- name: disputes
select withdrawn_cents, reinstated_cents from payment_disputes where payment_intent_id = $1;
