-- What is to be told to somebody, until it is told or given up.

-- name: insert_notice
insert into notices (id, account_id, channel, kind, content)
values ($1, $2, $3, $4, $5);

-- name: claim_notices
-- Whoever claims one has it until the next attempt is due: a sender that dies loses none.
with due as (
    select id from notices
    where sent_at is null and next_attempt_at <= clock_timestamp() and channel = any($1::text[])
    order by next_attempt_at
    limit $2
    for update skip locked
)

update notices set
    attempts = attempts + 1,
    next_attempt_at = clock_timestamp()
    + least($3::interval * (1 << least(attempts, 10)), interval '1 hour')
from due
where notices.id = due.id
returning
    notices.id,
    notices.account_id,
    notices.channel,
    notices.kind,
    notices.content,
    notices.created_at,
    notices.attempts;

-- name: notice_is_sent
update notices set sent_at = clock_timestamp(), last_error = null where id = $1;

-- name: notice_has_failed
update notices set
    last_error = $2,
    next_attempt_at = case when $3::boolean then 'infinity' else next_attempt_at end
where id = $1;
