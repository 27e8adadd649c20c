-- What customers have set for their credits, and what is saved at Stripe for it.

-- name: settings
select
    account.id as account_id,
    account.name as account_name,
    account.email as account_email,
    settings.low_balance_mc,
    settings.notice_email,
    settings.stripe_customer_id,
    settings.stripe_payment_method_id,
    settings.card_brand,
    settings.card_last4,
    settings.recharge_below_mc,
    settings.recharge_package_id,
    settings.recharge_monthly_limit_cents,
    settings.recharge_reason,
    settings.recharge_action_url,
    coalesce(settings.recharge_state, 'off') as recharge_state
from accounts as account
left join billing_settings as settings on account.id = settings.account_id
where account.id = $1;

-- name: ensure_settings
insert into billing_settings (account_id) values ($1) on conflict do nothing;

-- name: lock_settings
select account_id from billing_settings where account_id = $1 for update;

-- name: put_settings
update billing_settings set
    low_balance_mc = $2,
    notice_email = $3,
    recharge_state = $4,
    recharge_below_mc = $5,
    recharge_package_id = $6,
    recharge_monthly_limit_cents = $7,
    recharge_reason = $8,
    recharge_action_url = $9,
    updated_at = clock_timestamp()
where account_id = $1;

-- name: save_customer
-- The first one stays: two begin with the same key, so they are the same anyway.
update billing_settings set stripe_customer_id = $2
where account_id = $1 and stripe_customer_id is null;

-- name: forget_customer
-- Its card went with it.
update billing_settings set
    stripe_customer_id = null,
    stripe_payment_method_id = null,
    card_brand = null,
    card_last4 = null,
    recharge_reason = case
        when recharge_state = 'active' then $3 else recharge_reason
    end,
    recharge_action_url = case
        when recharge_state = 'active' then null else recharge_action_url
    end,
    recharge_state = case
        when recharge_state = 'active' then 'paused' else recharge_state
    end,
    updated_at = clock_timestamp()
where account_id = $1 and stripe_customer_id = $2;

-- name: save_card
update billing_settings set
    stripe_customer_id = $2,
    stripe_payment_method_id = $3,
    card_saved_at = $4,
    -- An event has only the card's id; what may be shown of it is asked for.
    card_brand = null,
    card_last4 = null,
    -- A new card is what a pause was waiting for.
    recharge_state = case
        when recharge_state = 'paused' then 'active' else recharge_state
    end,
    recharge_reason = null,
    recharge_action_url = null,
    updated_at = clock_timestamp()
where
    account_id = $1
    and (card_saved_at is null or card_saved_at <= $4)
    and stripe_payment_method_id is distinct from $3;

-- name: cards_to_learn
select stripe_payment_method_id from billing_settings
where stripe_payment_method_id is not null and card_brand is null
order by updated_at
limit $1;

-- name: learn_card
update billing_settings set card_brand = $2, card_last4 = $3
where stripe_payment_method_id = $1;

-- name: forget_card
-- Stripe has it no more; without a card nothing can be charged.
update billing_settings set
    stripe_payment_method_id = null,
    card_brand = null,
    card_last4 = null,
    recharge_state = case
        when recharge_state = 'active' then 'paused' else recharge_state
    end,
    recharge_reason = case
        when recharge_state = 'active' then $2 else recharge_reason
    end,
    -- Until it is told.
    recharge_action_url = case
        when recharge_state = 'active' then null else recharge_action_url
    end,
    updated_at = clock_timestamp()
where stripe_payment_method_id = $1;

-- name: lost_cards
update billing_settings set recharge_action_url = $1
where
    recharge_state = 'paused'
    and stripe_payment_method_id is null
    and recharge_action_url is null
returning account_id;

-- name: pause_recharge
update billing_settings set
    recharge_state = 'paused', recharge_reason = $2, recharge_action_url = $3
where account_id = $1 and recharge_state = 'active';

-- name: say_why_not_recharged
update billing_settings set recharge_reason = $2, recharge_action_url = $3
where account_id = $1 and recharge_state = 'active' and recharge_reason is distinct from $2;
