-- What each reconciliation of all accounts has found: the newest one is what metrics show.
create table reconciliations (
    id uuid primary key,
    checked_at timestamptz not null,
    is_full boolean not null,
    is_ok boolean not null,
    accounts bigint not null,
    entries bigint not null,
    usage_rows bigint not null,
    difference_count bigint not null,
    -- How many differences each check has found, and the first of them.
    counts jsonb not null,
    differences jsonb not null,
    duration_ms bigint not null
);

create index reconciliations_by_time on reconciliations (checked_at desc);

grant select, insert on reconciliations to tollgate_app;
