-- Lists find rare values without reading past all the others: a model that was called twice among
-- a million calls is two steps into an index. Statuses and types are indexed where they are rare,
-- which costs the writer next to nothing: almost every call is completed, almost every entry usage.

create index usage_records_by_model on usage_records (
    account_id, model, posted_at desc, request_id desc
);

create index usage_records_of_all_by_model on usage_records (
    model, posted_at desc, request_id desc
);

-- A key is one account's.
create index usage_records_by_key on usage_records (key_id, posted_at desc, request_id desc);

create index usage_records_by_rare_status on usage_records (
    account_id, status, posted_at desc, request_id desc
)
where status <> 'completed';

create index usage_records_of_all_by_rare_status on usage_records (
    status, posted_at desc, request_id desc
)
where status <> 'completed';

create index ledger_entries_by_rare_type on ledger_entries (
    account_id, entry_type, posted_at desc, id desc
)
where entry_type <> 'usage';

create index ledger_entries_of_all_by_rare_type on ledger_entries (
    entry_type, posted_at desc, id desc
)
where entry_type <> 'usage';
