-- What reconciliation reads. $1 is an account, or null for all; $2 and $3 a period of posted_at,
-- from and before, null where it has no end. All but what is compared with Redis is one snapshot.

-- name: accounts_after
select id from accounts
where ($1::uuid is null or id = $1) and ($2::uuid is null or id > $2)
order by id
limit $3;

-- name: versions
-- What moves with everything that is written of an account.
select id, balance_mc, last_sequence, last_posted_at, last_sync_number
from accounts
where id = any($1::uuid[]);

-- name: lock_versions
-- So that nothing is written of an account while Redis is read.
select id, balance_mc, last_sequence, last_posted_at, last_sync_number
from accounts
where id = any($1::uuid[])
order by id
for no key update;

-- name: wait_shortly
set local lock_timeout = '5s';

-- name: syncs_not_applied
-- By account: which number Redis has come to ($1, $2), and what comes after it.
select
    sync.account_id,
    sum(sync.amount_mc)::bigint as amount_mc,
    min(sync.number) as first_number,
    extract(epoch from clock_timestamp() - min(sync.created_at))::bigint as age_s
from unnest($1::uuid[], $2::bigint[]) as applied (account_id, number)
inner join balance_syncs as sync
    on applied.account_id = sync.account_id and applied.number < sync.number
group by sync.account_id;

-- name: written
-- Settlements of requests, and expired credits that were taken like a call's.
select request_id, kind, charge_mc
from usage_records
where request_id = any($1::uuid[])
union all
select request_id, 'expiry' as kind, taken_mc as charge_mc
from expiries
where request_id = any($1::uuid[]);

-- name: rejected_numbers
select redis_partition, number from rejected_records;

-- name: scope_size
-- How much there is to check: accounts, entries, usage rows; and the time that is posted by.
select
    clock_timestamp() as checked_at,
    (select count(*) from accounts where $1::uuid is null or id = $1) as accounts,
    (
        select count(*) from ledger_entries
        where
            ($1::uuid is null or account_id = $1)
            and ($2::timestamptz is null or posted_at >= $2)
            and ($3::timestamptz is null or posted_at < $3)
    ) as entries,
    (
        select count(*) from usage_records
        where
            ($1::uuid is null or account_id = $1)
            and ($2::timestamptz is null or posted_at >= $2)
            and ($3::timestamptz is null or posted_at < $3)
    ) as usage_rows;

-- name: ends_of_chains
-- Accounts that are not where their last entry has left them.
select
    account.id as account_id,
    account.balance_mc,
    account.last_sequence,
    coalesce(last_entry.sequence, 0) as entry_sequence,
    coalesce(last_entry.balance_after_mc, 0) as entry_balance_mc,
    last_entry.posted_at > account.last_posted_at as is_posted_after
from accounts as account
left join lateral (
    select entry.sequence, entry.balance_after_mc, entry.posted_at
    from ledger_entries as entry
    where entry.account_id = account.id
    order by entry.sequence desc
    limit 1
) as last_entry on true
where
    ($1::uuid is null or account.id = $1)
    and (
        account.balance_mc <> coalesce(last_entry.balance_after_mc, 0)
        or account.last_sequence <> coalesce(last_entry.sequence, 0)
        or last_entry.posted_at > account.last_posted_at
    );

-- name: broken_links
-- Entries that do not follow on the one before them.
select
    entry.account_id,
    entry.id,
    entry.sequence,
    entry.amount_mc,
    entry.balance_before_mc,
    entry.balance_after_mc,
    entry.posted_at,
    previous.posted_at as posted_before,
    previous.id is not null as has_previous,
    coalesce(previous.balance_after_mc, 0) as carried_mc
from ledger_entries as entry
left join ledger_entries as previous
    on entry.account_id = previous.account_id and entry.previous_sequence = previous.sequence
where
    ($1::uuid is null or entry.account_id = $1)
    and ($2::timestamptz is null or entry.posted_at >= $2)
    and ($3::timestamptz is null or entry.posted_at < $3)
    and (
        (entry.sequence <> 1 and previous.id is null)
        or entry.balance_before_mc <> coalesce(previous.balance_after_mc, 0)
        or entry.balance_after_mc <> entry.balance_before_mc + entry.amount_mc
        or entry.posted_at <= previous.posted_at
    );

-- name: wrong_sums
-- Accounts whose entries do not add up to their balance; entries of accounts that are not there.
with sums as (
    select account_id, count(*) as entries, sum(amount_mc)::bigint as amount_mc
    from ledger_entries
    where $1::uuid is null or account_id = $1
    group by account_id
),

balances as (
    select id, balance_mc
    from accounts
    where $1::uuid is null or id = $1
)

select
    coalesce(balances.id, sums.account_id) as account_id,
    balances.id is not null as is_known,
    coalesce(balances.balance_mc, 0) as balance_mc,
    coalesce(sums.amount_mc, 0) as sum_mc
from balances
full join sums on balances.id = sums.account_id
where balances.id is null or balances.balance_mc <> coalesce(sums.amount_mc, 0);

-- name: unmatched_usage
-- Usage rows and their entries: they have the account's time in common, which no two rows share.
with moved as (
    select request_id, kind, account_id, posted_at, posted_mc, model
    from usage_records
    where
        posted_mc <> 0
        and ($1::uuid is null or account_id = $1)
        and ($2::timestamptz is null or posted_at >= $2)
        and ($3::timestamptz is null or posted_at < $3)
),

taken as (
    select id, sequence, account_id, posted_at, amount_mc, ref, counter_account
    from ledger_entries
    where
        (entry_type = 'usage' or (entry_type = 'adjustment' and actor = $4))
        and ($1::uuid is null or account_id = $1)
        and ($2::timestamptz is null or posted_at >= $2)
        and ($3::timestamptz is null or posted_at < $3)
)

select
    moved.request_id,
    moved.kind,
    moved.posted_mc,
    moved.model,
    taken.id as entry_id,
    taken.sequence,
    taken.amount_mc,
    taken.ref,
    taken.counter_account,
    coalesce(moved.account_id, taken.account_id) as account_id
from moved
full join taken
    on moved.account_id = taken.account_id and moved.posted_at = taken.posted_at
where
    moved.request_id is null
    or taken.id is null
    or moved.posted_mc <> -taken.amount_mc
    or moved.request_id::text is distinct from taken.ref
    or taken.counter_account <> $5 || moved.model;

-- name: usage_totals
-- Accounts whose usage of the period is not what their entries of the period took.
with moved as (
    select account_id, sum(posted_mc)::bigint as amount_mc
    from usage_records
    where
        ($1::uuid is null or account_id = $1)
        and ($2::timestamptz is null or posted_at >= $2)
        and ($3::timestamptz is null or posted_at < $3)
    group by account_id
),

taken as (
    select account_id, -sum(amount_mc)::bigint as amount_mc
    from ledger_entries
    where
        (entry_type = 'usage' or (entry_type = 'adjustment' and actor = $4))
        and ($1::uuid is null or account_id = $1)
        and ($2::timestamptz is null or posted_at >= $2)
        and ($3::timestamptz is null or posted_at < $3)
    group by account_id
)

select
    coalesce(moved.account_id, taken.account_id) as account_id,
    coalesce(moved.amount_mc, 0) as usage_mc,
    coalesce(taken.amount_mc, 0) as taken_mc
from moved
full join taken on moved.account_id = taken.account_id
where coalesce(moved.amount_mc, 0) <> coalesce(taken.amount_mc, 0);

-- name: wrong_days
-- Daily sums that are not what the rows of the day add up to. $2 is the first day, $3 the one after
-- the last.
with posted as (
    select
        account_id,
        key_id,
        model,
        (posted_at at time zone 'UTC')::date as day,
        sum(posted_mc)::bigint as amount_mc
    from usage_records
    where
        ($1::uuid is null or account_id = $1)
        and ($2::date is null or posted_at >= $2::timestamp at time zone 'UTC')
        and ($3::date is null or posted_at < $3::timestamp at time zone 'UTC')
    group by account_id, day, key_id, model
),

kept as (
    select account_id, key_id, model, day, charged_mc as amount_mc
    from usage_days
    where
        ($1::uuid is null or account_id = $1)
        and ($2::date is null or day >= $2)
        and ($3::date is null or day < $3)
)

select
    coalesce(posted.account_id, kept.account_id) as account_id,
    coalesce(posted.day, kept.day) as day,
    coalesce(posted.key_id, kept.key_id) as key_id,
    coalesce(posted.model, kept.model) as model,
    coalesce(posted.amount_mc, 0) as posted_mc,
    coalesce(kept.amount_mc, 0) as charged_mc
from posted
full join kept
    on
        posted.account_id = kept.account_id
        and posted.day = kept.day
        and posted.key_id = kept.key_id
        and posted.model = kept.model
where coalesce(posted.amount_mc, 0) <> coalesce(kept.amount_mc, 0);

-- name: charges
-- Each usage row, with what the request's other row says: of a settlement the orphan's, which is
-- rare; of an orphan when the truth was posted.
select
    record.request_id,
    record.kind,
    record.account_id,
    record.units,
    record.rates,
    record.rounding,
    record.charge_mc,
    record.posted_mc,
    record.costs,
    record.cost_picousd,
    orphan.charge_mc as orphan_charge_mc,
    orphan.posted_at < record.posted_at as is_after_orphan,
    case when record.kind = 'orphan' then (
        select truth.posted_at < record.posted_at
        from usage_records as truth
        where truth.request_id = record.request_id and truth.kind = 'settled'
    ) end as is_after_truth
from usage_records as record
left join usage_records as orphan
    on
        record.request_id = orphan.request_id
        and orphan.kind = 'orphan'
        and record.kind = 'settled'
where
    ($1::uuid is null or record.account_id = $1)
    and ($2::timestamptz is null or record.posted_at >= $2)
    and ($3::timestamptz is null or record.posted_at < $3);

-- name: rejected
select
    reason,
    record ->> 'account_id' as account_id,
    record ->> 'request_id' as request_id,
    record ->> 'kind' as kind
from rejected_records
where $1::text is null or record ->> 'account_id' = $1
order by created_at, id;

-- name: insert_reconciliation
insert into reconciliations (
    id, checked_at, is_full, is_ok, accounts, entries, usage_rows, difference_count, counts,
    differences, duration_ms
)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: last_reconciliations
-- The newest of all, the newest full one, and the newest good one.
(
    select 'newest' as place, checked_at, is_full, is_ok, counts, duration_ms
    from reconciliations
    order by checked_at desc
    limit 1
)
union all
(
    select 'full' as place, checked_at, is_full, is_ok, counts, duration_ms
    from reconciliations
    where is_full
    order by checked_at desc
    limit 1
)
union all
(
    select 'good' as place, checked_at, is_full, is_ok, counts, duration_ms
    from reconciliations
    where is_ok
    order by checked_at desc
    limit 1
);

-- name: open_matters
select
    (select count(*) from accounts where applied_sync_number < last_sync_number) as unapplied_syncs,
    (select count(*) from rejected_records) as rejected_records;

-- name: alerts_by_kind
select kind, count(*) as alerts from alerts group by kind;

-- name: wrong_lots
-- Lots against the entries whose credits expire.
with given as (
    select id, account_id, amount_mc, expires_at
    from ledger_entries
    where expires_at is not null and ($1::uuid is null or account_id = $1)
),

lots as (
    select entry_id, account_id, amount_mc, expires_at
    from credit_lots
    where $1::uuid is null or account_id = $1
)

select
    given.expires_at as entry_expires_at,
    lots.expires_at as lot_expires_at,
    coalesce(given.account_id, lots.account_id) as account_id,
    coalesce(given.id, lots.entry_id) as entry_id,
    coalesce(given.amount_mc, 0) as entry_mc,
    coalesce(lots.amount_mc, 0) as lot_mc
from given
full join lots on given.id = lots.entry_id and given.account_id = lots.account_id
where
    given.amount_mc is distinct from lots.amount_mc
    or given.expires_at is distinct from lots.expires_at;

-- name: unmatched_expiries
-- What expired and the entries that took it: they have the account's time in common.
with expired as (
    select request_id, lot_entry_id, account_id, posted_at, posted_mc
    from expiries
    where
        posted_mc <> 0
        and ($1::uuid is null or account_id = $1)
        and ($2::timestamptz is null or posted_at >= $2)
        and ($3::timestamptz is null or posted_at < $3)
),

taken as (
    select id, sequence, account_id, posted_at, amount_mc, ref
    from ledger_entries
    where
        entry_type = 'expiry'
        and actor = $4
        and ($1::uuid is null or account_id = $1)
        and ($2::timestamptz is null or posted_at >= $2)
        and ($3::timestamptz is null or posted_at < $3)
)

select
    expired.request_id,
    taken.id as entry_id,
    taken.sequence,
    coalesce(expired.account_id, taken.account_id) as account_id,
    coalesce(expired.posted_mc, 0) as expired_mc,
    coalesce(-taken.amount_mc, 0) as taken_mc
from expired
full join taken
    on expired.account_id = taken.account_id and expired.posted_at = taken.posted_at
where
    expired.posted_mc is distinct from -taken.amount_mc
    or expired.lot_entry_id::text is distinct from taken.ref;

-- name: accounts_with_lots
select distinct lot.account_id, account.balance_mc
from credit_lots as lot
inner join accounts as account on lot.account_id = account.id
where lot.remaining_mc > 0 and ($1::uuid is null or lot.account_id = $1);

-- name: wrong_purchases
-- Purchases whose entries are not what was written down as posted of them, and entries of payments
-- that no purchase has. A failed refund is given back by an adjustment of the same purchase.
with entered as (
    select
        account_id,
        ref,
        sum(amount_mc) filter (where entry_type = 'purchase') as base_mc,
        sum(amount_mc) filter (where entry_type = 'bonus') as bonus_mc,
        -sum(amount_mc) filter (where entry_type in ('refund', 'adjustment')) as refund_mc,
        -sum(amount_mc) filter (where entry_type = 'dispute') as dispute_mc
    from ledger_entries
    where
        ($1::uuid is null or account_id = $1)
        and entry_type <> 'usage'
        and actor = $2
        and ref is not null
    group by account_id, ref
),

bought as (
    select
        account_id,
        posted_base_mc as base_mc,
        posted_bonus_mc as bonus_mc,
        posted_dispute_mc as dispute_mc,
        id::text as ref,
        status = 'paid' as is_paid,
        posted_base_refund_mc + posted_bonus_refund_mc as refund_mc
    from purchases
    where $1::uuid is null or account_id = $1
),

compared as (
    select
        coalesce(bought.account_id, entered.account_id) as account_id,
        coalesce(bought.ref, entered.ref) as ref,
        bought.ref is not null as is_known,
        coalesce(bought.is_paid, false) as is_paid,
        coalesce(bought.base_mc, 0)::bigint as base_mc,
        coalesce(bought.bonus_mc, 0)::bigint as bonus_mc,
        coalesce(bought.refund_mc, 0)::bigint as refund_mc,
        coalesce(bought.dispute_mc, 0)::bigint as dispute_mc,
        coalesce(entered.base_mc, 0)::bigint as entered_base_mc,
        coalesce(entered.bonus_mc, 0)::bigint as entered_bonus_mc,
        coalesce(entered.refund_mc, 0)::bigint as entered_refund_mc,
        coalesce(entered.dispute_mc, 0)::bigint as entered_dispute_mc
    from bought
    full outer join entered
        on bought.account_id = entered.account_id and bought.ref = entered.ref
)

select
    account_id, ref, is_known, is_paid, base_mc, bonus_mc, refund_mc, dispute_mc, entered_base_mc,
    entered_bonus_mc, entered_refund_mc, entered_dispute_mc
from compared
where
    not is_known
    or (is_paid and base_mc + bonus_mc = 0)
    or (base_mc, bonus_mc, refund_mc, dispute_mc)
    <> (entered_base_mc, entered_bonus_mc, entered_refund_mc, entered_dispute_mc)
order by account_id, ref;
