-- Statements of the writer. One transaction writes a batch of one partition.

-- name: lock_position
-- Its row is the lock that keeps two writers off one partition.
select last_number, epoch from stream_positions where redis_partition = $1 for update;

-- name: lock_accounts
-- Always in the order of their ids, so that two transactions cannot wait for each other.
select
    id,
    balance_mc,
    last_sequence,
    last_posted_at,
    last_sync_number,
    clock_timestamp() as now
from accounts
where id = any($1::uuid[])
order by id
for update;

-- name: written
-- A statement of its own, after the locks: it sees what the lock's last holder has committed. With
-- the entry that an orphan's row has posted: the truth corrects it.
select
    record.request_id,
    record.kind,
    record.charge_mc,
    entry.id as entry_id
from usage_records as record
left join ledger_entries as entry
    on
        record.kind = 'orphan'
        and record.account_id = entry.account_id
        and record.posted_at = entry.posted_at
where record.request_id = any($1::uuid[]);

-- name: written_expiries
select request_id from expiries where request_id = any($1::uuid[]);

-- name: update_accounts
update accounts
set
    balance_mc = changed.balance_mc,
    last_sequence = changed.last_sequence,
    last_posted_at = changed.last_posted_at,
    last_sync_number = changed.last_sync_number
from
    unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[])
        as changed (id, balance_mc, last_sequence, last_posted_at, last_sync_number)
where accounts.id = changed.id;

-- name: add_to_days
-- After the usage rows, whose table's lock a recount of the days waits for.
insert into usage_days as known (account_id, day, key_id, model, calls, charged_mc, last_at)
select account_id, day, key_id, model, calls, charged_mc, last_at
from
    unnest(
        $1::uuid[], $2::date[], $3::uuid[], $4::text[], $5::bigint[], $6::bigint[],
        $7::timestamptz[]
    ) as added (account_id, day, key_id, model, calls, charged_mc, last_at)
order by account_id, day, key_id, model
on conflict (account_id, day, key_id, model) do update
    set
        calls = known.calls + excluded.calls,
        charged_mc = known.charged_mc + excluded.charged_mc,
        last_at = greatest(known.last_at, excluded.last_at);

-- name: move_position
update stream_positions set last_number = $2, epoch = $3 where redis_partition = $1;

-- name: pass_over
-- Of a rejected record nobody can say whether it was here before: only the next one is passed, so
-- that a stream that was set back is still seen by the record after it.
update stream_positions set last_number = $2
where redis_partition = $1 and last_number = $2 - 1;

-- name: insert_alert
insert into alerts (id, kind, account_id, request_id, amount_mc, detail)
values ($1, $2, $3, $4, $5, $6)
on conflict (kind, request_id, about) do nothing;

-- name: insert_rejected
-- Once, also where acknowledging it has failed. The partition's position is locked.
insert into rejected_records (id, redis_partition, number, record, reason)
select $1, $2, $3, $4, $5
where not exists (
    select 1 from rejected_records
    where redis_partition = $2 and number = $3 and record = $4::jsonb
);

-- name: ensure_partitions
select ensure_usage_partitions($1);
