-- When which rates came into force, and how: a line for each change, never changed or deleted. What
-- the rates are stands in rate_versions; rates that come back are a line more, and no new version.
create table rate_applications (
    id uuid primary key,
    version text not null references rate_versions (version),
    applied_at timestamptz not null,
    in_force_from timestamptz not null,
    reason text not null check (reason in ('start', 'file changed', 'signal', 'schedule')),
    host text not null,
    source text not null,
    file_owner text not null
);

create index rate_applications_by_time on rate_applications (applied_at desc, id desc);

grant select, insert on rate_applications to tollgate_app;
