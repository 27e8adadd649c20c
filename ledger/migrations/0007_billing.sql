-- Buying credits. What Stripe says of a payment is written down as facts, by the id of its payment
-- intent, in whatever order it comes; what is due by them is posted once, as a difference.

create table purchases (
    id uuid primary key,
    account_id uuid not null references accounts (id),
    kind text not null check (kind in ('checkout', 'auto_recharge')),
    package_id text not null,
    label text not null,
    price_cents bigint not null check (price_cents > 0),
    base_mc bigint not null check (base_mc >= 0),
    bonus_mc bigint not null check (bonus_mc >= 0),
    -- Neither taxes nor promotion codes: what is charged is the price.
    is_price_exact boolean not null,
    status text not null default 'created' check (
        status in ('created', 'open', 'processing', 'paid', 'expired', 'failed')
    ),
    created_at timestamptz not null default clock_timestamp(),
    -- What the customer sent to have this purchase made once, if anything.
    request_key text,
    checkout_session_id text unique,
    checkout_url text,
    payment_intent_id text unique,
    failure text,
    paid_at timestamptz,
    -- What of the payment was for credits: tax is not.
    paid_cents bigint check (paid_cents >= 0),
    charged_cents bigint check (charged_cents >= 0),
    -- What the ledger has of it; the bonus is what the price did not pay for.
    posted_base_mc bigint not null default 0 check (posted_base_mc >= 0),
    posted_bonus_mc bigint not null default 0 check (posted_bonus_mc >= 0),
    posted_base_refund_mc bigint not null default 0 check (posted_base_refund_mc >= 0),
    posted_bonus_refund_mc bigint not null default 0 check (posted_bonus_refund_mc >= 0),
    posted_dispute_mc bigint not null default 0 check (posted_dispute_mc >= 0),
    posting_rounds integer not null default 0,
    unique (account_id, request_key)
);

create index purchases_by_time on purchases (account_id, created_at desc, id desc);

create index purchases_under_way on purchases (created_at)
where status in ('created', 'open', 'processing');

-- At most one automatic recharge of an account is under way.
create unique index purchases_one_recharge on purchases (account_id)
where kind = 'auto_recharge' and status in ('created', 'open', 'processing');

-- What was posted of a purchase, and what can be taken back or given again of each.
create index ledger_entries_of_a_purchase on ledger_entries (account_id, ref)
where entry_type in ('purchase', 'bonus', 'refund');

create table stripe_events (
    id text primary key,
    event_type text not null,
    created_at timestamptz not null,
    received_at timestamptz not null default clock_timestamp(),
    payload jsonb not null
);

create table payment_charges (
    charge_id text primary key,
    payment_intent_id text not null,
    amount_refunded_cents bigint not null default 0 check (amount_refunded_cents >= 0),
    receipt_url text
);

create index payment_charges_of_an_intent on payment_charges (payment_intent_id);

create table payment_refunds (
    refund_id text primary key,
    payment_intent_id text not null,
    amount_cents bigint not null check (amount_cents >= 0),
    is_failed boolean not null
);

create index payment_refunds_of_an_intent on payment_refunds (payment_intent_id);

create table payment_disputes (
    dispute_id text primary key,
    payment_intent_id text not null,
    status text not null,
    withdrawn_cents bigint not null default 0 check (withdrawn_cents >= 0),
    reinstated_cents bigint not null default 0 check (reinstated_cents >= 0)
);

create index payment_disputes_of_an_intent on payment_disputes (payment_intent_id);

-- What a customer has set, and what is saved at Stripe for it. Nulls mean the operator's default.
create table billing_settings (
    account_id uuid primary key references accounts (id),
    low_balance_mc bigint check (low_balance_mc >= 0),
    notice_email text check (length(notice_email) <= 320),
    stripe_customer_id text unique,
    stripe_payment_method_id text,
    card_brand text,
    card_last4 text,
    recharge_state text not null default 'off' check (
        recharge_state in ('off', 'active', 'paused')
    ),
    recharge_below_mc bigint check (recharge_below_mc >= 0),
    recharge_package_id text,
    recharge_monthly_limit_cents bigint check (recharge_monthly_limit_cents > 0),
    recharge_reason text,
    recharge_action_url text,
    updated_at timestamptz not null default clock_timestamp()
);

create index billing_settings_with_recharge on billing_settings (account_id)
where recharge_state = 'active';

-- Whether an account has been under its threshold since it was last above it: told once. An account
-- that has never had credits has not fallen.
create table low_balances (
    account_id uuid primary key references accounts (id),
    is_low boolean not null,
    changed_at timestamptz not null default clock_timestamp()
);

-- What is to be told to somebody, until it is told or given up.
create table notices (
    id uuid primary key,
    account_id uuid not null references accounts (id),
    channel text not null check (channel in ('email', 'webhook')),
    kind text not null,
    content jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    sent_at timestamptz,
    last_error text
);

create index notices_of_an_account on notices (account_id, created_at);

create index notices_to_send on notices (next_attempt_at)
where sent_at is null;

-- How far Stripe was asked for what it may not have told.
create table billing_sync (
    singleton boolean primary key default true check (singleton),
    synced_until timestamptz not null
);

grant select, insert, update on purchases, payment_charges, payment_refunds, payment_disputes
to tollgate_app;
grant select, insert on stripe_events to tollgate_app;
grant select, insert, update on billing_settings, low_balances, notices, billing_sync
to tollgate_app;

-- While a payment is in dispute an operator may have the account's calls refused.
alter table accounts add column suspended_at timestamptz;

grant update (suspended_at) on accounts to tollgate_app;

alter table balance_syncs
drop constraint balance_syncs_key_state_check,
add constraint balance_syncs_key_state_check check (
    key_state in ('active', 'revoked', 'suspended')
);
