-- The two roles of one machine. The owner migrates; the application is only let in to what the
-- migrations grant it, so that it cannot change what is written in the ledger.
do $$
begin
    if not exists (select from pg_roles where rolname = 'tollgate_owner') then
        create role tollgate_owner login;
    end if;
    if not exists (select from pg_roles where rolname = 'tollgate_app') then
        create role tollgate_app login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    end if;
end
$$;
