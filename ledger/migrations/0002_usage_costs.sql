-- What a request costs at the provider: the rates by dimension as they were then (USD per million
-- units), and the cost in 10^-12 USD, exact. Null where nobody has said what the provider takes.
alter table usage_records
add column costs jsonb not null default '{}',
add column cost_picousd bigint check (cost_picousd >= 0);
