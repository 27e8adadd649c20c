-- Statements of `tollgate migrate`.

-- name: lock
select pg_advisory_xact_lock($1);

-- name: application_role_exists
select exists(select 1 from pg_roles where rolname = $1);

-- name: create_application_role
create role tollgate_app nologin;

-- name: let_me_act_as_the_application
grant tollgate_app to current_user;

-- name: can_act_as_the_application
select pg_has_role(current_user, $1, 'member');

-- name: create_table
create table if not exists schema_migrations (
    number integer primary key,
    name text not null,
    applied_at timestamptz not null default clock_timestamp()
);

-- name: let_the_application_read
grant select on schema_migrations to tollgate_app;

-- name: applied
select number from schema_migrations;

-- name: remember
insert into schema_migrations (number, name) values ($1, $2);

-- name: ensure_partitions
select ensure_usage_partitions($1);
