-- Entries that correct others, and credits that expire.

alter table ledger_entries
add column corrects_entry_id uuid references ledger_entries (id),
add column expires_at timestamptz,
add constraint ledger_entries_of_given_credits_expire check (
    expires_at is null or entry_type in ('grant', 'purchase', 'bonus')
);

create index ledger_entries_that_correct on ledger_entries (corrects_entry_id)
where corrects_entry_id is not null;

-- Few beside those of calls. What was used up since some entry is worked out from them and the
-- balances: no entry of a call is read.
create index ledger_entries_that_use_nothing on ledger_entries (account_id, sequence)
where amount_mc > 0 or entry_type = 'expiry';

create function refuse_a_correction_of_another_account() returns trigger
language plpgsql as $$
begin
    if not exists (
        select 1 from ledger_entries
        where id = new.corrects_entry_id and account_id = new.account_id
    ) then
        raise foreign_key_violation using message = format(
            'entry %s corrects entry %s, which is none of its account',
            new.id,
            new.corrects_entry_id
        );
    end if;
    return null;
end
$$;

-- After the rows: a trigger before them would keep the writer's COPY from inserting many at once.
create constraint trigger ledger_entries_correct_their_own_account
after insert on ledger_entries
for each row when (new.corrects_entry_id is not null)
execute function refuse_a_correction_of_another_account();

-- What is left of credits that expire, as of the entry that the account's `lots_sequence` names.
-- What was used since then is taken off when somebody needs to know: calls pay nothing for it.
create table credit_lots (
    entry_id uuid primary key references ledger_entries (id),
    account_id uuid not null references accounts (id),
    sequence bigint not null,
    expires_at timestamptz not null,
    amount_mc bigint not null check (amount_mc > 0),
    remaining_mc bigint not null,
    constraint credit_lots_are_not_overdrawn check (remaining_mc between 0 and amount_mc)
);

create index credit_lots_of_an_account on credit_lots (account_id) where remaining_mc > 0;

create index credit_lots_by_expiry on credit_lots (expires_at, entry_id) where remaining_mc > 0;

alter table accounts add column lots_sequence bigint not null default 0;

-- Each time that expired credits were taken in Redis, once: what of it was still unused then.
create table expiries (
    request_id uuid primary key,
    lot_entry_id uuid not null references credit_lots (entry_id),
    account_id uuid not null references accounts (id),
    posted_at timestamptz not null,
    taken_mc bigint not null check (taken_mc > 0),
    posted_mc bigint not null,
    constraint expiries_post_what_was_taken_at_most check (posted_mc between 0 and taken_mc)
);

create index expiries_of_a_lot on expiries (lot_entry_id);

grant select, insert on credit_lots, expiries to tollgate_app;
grant update (remaining_mc) on credit_lots to tollgate_app;
grant update (lots_sequence) on accounts to tollgate_app;
