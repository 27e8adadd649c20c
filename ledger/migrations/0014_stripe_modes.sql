-- Stripe's test and live mode know nothing of each other, and operators switch between them.

-- Whether an automatic recharge was first asked for with a live key. A test payment costs nobody
-- anything; a live one could still be paid. Null where that is not known.
alter table recharge_attempts add column is_live boolean;

-- How far Stripe was asked, in each mode; what was asked before may have been either.
alter table billing_sync
drop constraint billing_sync_pkey,
drop column singleton,
add column is_live boolean not null default false;

insert into billing_sync (synced_until, is_live)
select
    synced_until,
    true as is_live
from billing_sync;

alter table billing_sync
alter column is_live drop default,
add primary key (is_live);
