-- Stripe's events, each once.

-- name: keep_event
insert into stripe_events (id, event_type, created_at, payload)
values ($1, $2, $3, $4)
on conflict do nothing
returning true;
