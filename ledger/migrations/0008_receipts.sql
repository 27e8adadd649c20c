-- The receipt of a purchase belongs on its row of the ledger. Entries never change, and Stripe may
-- name receipts late: so lists look them up by the reference of the entry, the id of the purchase.

create index purchases_by_reference on purchases ((id::text));

create view purchase_receipts as
select
    purchase.id::text as ref,
    purchase.account_id,
    charge.charge_id,
    charge.receipt_url
from purchases as purchase
inner join payment_charges as charge on purchase.payment_intent_id = charge.payment_intent_id
where charge.receipt_url is not null;

grant select on purchase_receipts to tollgate_app;
