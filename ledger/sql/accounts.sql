-- Accounts.

-- name: insert_account
insert into accounts (id, name, email, redis_partition)
values ($1, $2, $3, $4)
returning id, name, email, created_at, balance_mc;

-- name: account
select id, name, email, created_at, balance_mc
from accounts
where id = $1;

-- name: accounts
select id, name, email, created_at, balance_mc
from accounts
where (created_at, id) < ($1, $2) and created_at >= $3
order by created_at desc, id desc
limit $4;
