-- Automatic recharges: who may need one, the one that is under way, what of it Stripe was asked.

-- name: who_may_need_one
-- Where Redis was not yet told of all that is committed, what it says is too little.
select
    settings.account_id,
    settings.recharge_below_mc,
    account.last_sync_number
from billing_settings as settings
inner join accounts as account on settings.account_id = account.id
where
    settings.recharge_state = 'active'
    and account.applied_sync_number >= account.last_sync_number
    and not exists (
        select 1 from purchases
        where
            purchases.account_id = settings.account_id
            and purchases.kind = 'auto_recharge'
            and purchases.status in ('created', 'open', 'processing')
    );

-- name: where_it_stands
-- What is paid or under way this month (UTC), in US cents, and whether it is still as it was seen.
select
    coalesce(
        sum(purchase.price_cents) filter (
            where
            purchase.status in ('created', 'open', 'processing', 'paid')
            and purchase.created_at
            >= date_trunc('month', clock_timestamp() at time zone 'UTC') at time zone 'UTC'
        ),
        0
    )::bigint as spent_cents,
    coalesce(bool_or(purchase.status in ('created', 'open', 'processing')), false)
    or account.last_sync_number <> $2 as has_moved_on
from accounts as account
left join purchases as purchase
    on account.id = purchase.account_id and purchase.kind = 'auto_recharge'
where account.id = $1
group by account.id, account.last_sync_number;

-- name: was_taken_back
-- Whether what has brought the balance under $2 is a refund or a dispute, and not older than what
-- the customer has set since: whoever wants their money back is not charged for it again.
select coalesce(
    (
        select entry.entry_type in ('refund', 'dispute')
        from ledger_entries as entry
        inner join billing_settings as settings on entry.account_id = settings.account_id
        where
            entry.account_id = $1
            and entry.posted_at > settings.updated_at
            and entry.balance_before_mc >= $2
            and entry.balance_after_mc < $2
        order by entry.sequence desc
        limit 1
    ),
    false
);

-- name: insert_attempts
insert into recharge_attempts (purchase_id, stripe_customer_id, stripe_payment_method_id)
values ($1, $2, $3);

-- name: clear_reason
update billing_settings set recharge_reason = null, recharge_action_url = null
where account_id = $1;

-- name: forget_reason
-- Why none was begun, as long as one was under way.
update billing_settings set recharge_reason = null, recharge_action_url = null
where
    recharge_state = 'active'
    and recharge_reason = $1
    and not exists (
        select 1 from purchases
        where
            purchases.account_id = billing_settings.account_id
            and purchases.kind = 'auto_recharge'
            and purchases.status in ('created', 'open', 'processing')
    );

-- name: claim_due
-- Whoever claims one has it until the next attempt is due: a process that dies loses none.
with due as (
    select attempt.purchase_id
    from recharge_attempts as attempt
    inner join purchases as purchase on attempt.purchase_id = purchase.id
    where
        purchase.status in ('created', 'open', 'processing')
        and attempt.next_attempt_at <= clock_timestamp()
        and ($2::uuid is null or attempt.purchase_id = $2)
    order by attempt.next_attempt_at
    limit 1
    for update of attempt skip locked
),

claimed as (
    update recharge_attempts set
        attempts = recharge_attempts.attempts + 1,
        -- Of the first attempt: later ones may be of the other mode.
        is_live = case
            when recharge_attempts.attempts = 0 then $3 else recharge_attempts.is_live
        end,
        first_attempt_at = coalesce(recharge_attempts.first_attempt_at, clock_timestamp()),
        next_attempt_at = clock_timestamp() + least(
            $1::interval * (1 << least(recharge_attempts.attempts, 10)), interval '1 hour'
        )
    from due
    where recharge_attempts.purchase_id = due.purchase_id
    returning recharge_attempts.*
)

select
    claimed.purchase_id,
    claimed.stripe_customer_id,
    claimed.stripe_payment_method_id,
    claimed.attempts,
    claimed.is_live as was_live,
    purchase.account_id,
    purchase.label,
    purchase.price_cents,
    purchase.created_at,
    purchase.payment_intent_id,
    settings.stripe_payment_method_id as saved_payment_method_id,
    clock_timestamp() - claimed.first_attempt_at as age,
    coalesce(settings.recharge_state, 'off') as recharge_state
from claimed
inner join purchases as purchase on claimed.purchase_id = purchase.id
left join billing_settings as settings on purchase.account_id = settings.account_id;

-- name: keep_error
update recharge_attempts set last_error = $2 where purchase_id = $1;

-- name: recharge_is_processing
update purchases set status = 'processing', payment_intent_id = $2
where id = $1 and status in ('created', 'open');

-- name: recharge_has_failed
update purchases set
    status = 'failed', failure = $2, payment_intent_id = coalesce(payment_intent_id, $3)
where id = $1 and kind = 'auto_recharge' and status in ('created', 'open', 'processing')
returning account_id;
