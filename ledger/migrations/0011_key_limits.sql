-- What a key may spend in a month (UTC). It is enforced in Redis, where calls are held; Redis is
-- told of it by number, as of all that changes.
alter table api_keys
add column monthly_limit_mc bigint,
add constraint api_keys_limits_are_exact_in_redis check (
    monthly_limit_mc between 1 and 9007199254740991
);

grant update (monthly_limit_mc) on api_keys to tollgate_app;

-- A new limit of the key that is named (0: it has none any more), and what the key had spent by
-- then in the month of `created_at`. Of a correction: whose month it counts in.
alter table balance_syncs
add column limit_mc bigint,
add column spent_mc bigint,
add column counted_key_id uuid,
add constraint balance_syncs_limits_are_exact_in_redis check (
    limit_mc between 0 and 9007199254740991
),
add constraint balance_syncs_limits_begin_with_what_is_spent check (
    (limit_mc is null) = (spent_mc is null) and (limit_mc is null or key_id is not null)
);
