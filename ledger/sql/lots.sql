-- Lots: what is left of credits that expire. An account's lots change under its lock only.

-- name: open_lots
select
    lot.entry_id, lot.account_id, lot.sequence, lot.expires_at, lot.remaining_mc, entry.entry_type
from credit_lots as lot
inner join ledger_entries as entry on lot.entry_id = entry.id
where lot.account_id = any($1::uuid[]) and lot.remaining_mc > 0
order by lot.expires_at, lot.sequence;

-- name: used_since_the_lots
-- A balance is what it was, and what came, less what was used and what expired.
select
    account.id,
    coalesce(last_seen.balance_after_mc, 0)
    + coalesce(others.amount_mc, 0)
    - account.balance_mc as used_mc
from accounts as account
left join ledger_entries as last_seen
    on
        account.id = last_seen.account_id
        and account.lots_sequence = last_seen.sequence
left join lateral (
    select sum(entry.amount_mc)::bigint as amount_mc
    from ledger_entries as entry
    where
        entry.account_id = account.id
        and entry.sequence > account.lots_sequence
        and (entry.amount_mc > 0 or entry.entry_type = 'expiry')
) as others on true
where account.id = any($1::uuid[]);

-- name: insert_lot
insert into credit_lots (entry_id, account_id, sequence, expires_at, amount_mc, remaining_mc)
values ($1, $2, $3, $4, $5, $6);

-- name: update_lots
update credit_lots
set remaining_mc = changed.remaining_mc
from unnest($1::uuid[], $2::bigint[]) as changed (entry_id, remaining_mc)
where
    credit_lots.entry_id = changed.entry_id
    and credit_lots.remaining_mc <> changed.remaining_mc;

-- name: move_lots_sequence
update accounts set lots_sequence = $2 where id = $1 and lots_sequence <> $2;

-- name: lock_account
select last_sequence from accounts where id = $1 for update;

-- name: due_lots
-- Below a place in the order of (expires_at, entry_id), so that lots that cannot be taken now keep
-- none behind them waiting.
select entry_id, account_id, expires_at
from credit_lots
where
    remaining_mc > 0
    and expires_at <= coalesce($1::timestamptz, clock_timestamp())
    and (expires_at, entry_id) > ($2, $3)
order by expires_at, entry_id
limit $4;
