-- How an automatic recharge is asked of Stripe: with the same words each time, so that Stripe knows
-- that it is the same one; and when it is asked again.

create table recharge_attempts (
    purchase_id uuid primary key references purchases (id),
    stripe_customer_id text not null,
    stripe_payment_method_id text not null,
    attempts integer not null default 0 check (attempts >= 0),
    first_attempt_at timestamptz,
    next_attempt_at timestamptz not null default clock_timestamp(),
    last_error text
);

-- When the card was saved, by Stripe's time: news of an older one may come later.
alter table billing_settings add column card_saved_at timestamptz;

create index billing_settings_of_a_payment_method on billing_settings (stripe_payment_method_id);

grant select, insert, update on recharge_attempts to tollgate_app;
