-- What each key has used in a day (UTC, of posted_at, as every period of money is), by model. The
-- writer makes them of the usage rows, in the transaction that writes those; so that a month's
-- spending is a few rows, however many calls there were.
create table usage_days (
    -- No foreign key, as in usage_records: checking it would lock accounts, which a recount that
    -- keeps writers waiting must not wait for.
    account_id uuid not null,
    day date not null,
    key_id uuid not null,
    model text not null,
    -- Each request once: an orphan's row and the truth that comes later are one call.
    calls bigint not null check (calls >= 0),
    -- The sum of posted_mc: below zero where a day has little but estimates that were too high.
    charged_mc bigint not null,
    -- When the newest of the calls was made.
    last_at timestamptz not null,
    primary key (account_id, day, key_id, model)
)
-- The writer adds to the same few rows all day: with room in their pages no index has to follow.
with (fillfactor = 50);

create index usage_days_of_a_key on usage_days (key_id, day desc);

create index usage_days_by_model on usage_days (account_id, model);

-- Makes the days from `first_day` on anew out of the usage rows: for the owner, where they differ.
create function recount_usage_days(first_day date) returns void
language plpgsql set search_path = public, pg_temp as $$
begin
    -- Waits for writers, and lets them wait: what they write comes after this, or was before it.
    lock table usage_records in share row exclusive mode;

    delete from usage_days where day >= first_day;

    insert into usage_days (account_id, day, key_id, model, calls, charged_mc, last_at)
    with second_rows as (
        select orphan.request_id, greatest(orphan.posted_at, truth.posted_at) as posted_at
        from usage_records as orphan
        inner join usage_records as truth on orphan.request_id = truth.request_id
        where orphan.kind = 'orphan' and truth.kind = 'settled'
    )

    select
        record.account_id,
        (record.posted_at at time zone 'UTC')::date as day,
        record.key_id,
        record.model,
        count(*) - count(second_rows.request_id),
        sum(record.posted_mc)::bigint,
        max(record.created_at)
    from usage_records as record
    left join second_rows
        on
            record.request_id = second_rows.request_id
            and record.posted_at = second_rows.posted_at
    where record.posted_at >= first_day::timestamp at time zone 'UTC'
    group by record.account_id, day, record.key_id, record.model;
end
$$;

revoke execute on function recount_usage_days(date) from public;

select recount_usage_days('-infinity');

grant select, insert, update on usage_days to tollgate_app;
