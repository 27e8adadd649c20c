-- Which rates there were, and when they came into force.

-- name: lock_applications
-- Many processes tell of the same change at once.
select pg_advisory_xact_lock($1);

-- name: insert_rate_version
insert into rate_versions (version, content) values ($1, $2) on conflict (version) do nothing;

-- name: insert_application
-- A line only where the rates differ from those before it. One that comes late (its process could
-- not reach us) is not to double the next one either.
with
before as (
    select version from rate_applications
    where applied_at <= $3
    order by applied_at desc, id desc
    limit 1
),

after as (
    select version from rate_applications
    where applied_at > $3
    order by applied_at asc, id asc
    limit 1
)

insert into rate_applications (
    id, version, applied_at, in_force_from, reason, host, source, file_owner
)
select $1, $2, $3, $4, $5, $6, $7, $8
where
    not exists (select 1 from before where version = $2)
    and not exists (select 1 from after where version = $2);

-- name: applications
select
    application.id, application.version, application.applied_at, application.in_force_from,
    application.reason, application.host, application.source, application.file_owner,
    rate_version.content
from rate_applications as application
inner join rate_versions as rate_version on application.version = rate_version.version
where
    (application.applied_at, application.id) < ($1, $2)
    and application.applied_at >= $3
order by application.applied_at desc, application.id desc
limit $4;
