-- One purchase may fail to fit in several ways, and each is to be seen: what an alert is about (a
-- payment at Stripe and its amount) is part of what makes it the same one. Empty where a kind is
-- raised once for its request.

alter table alerts add column about text not null default '';

alter table alerts
drop constraint alerts_kind_request_id_key,
add constraint alerts_once unique (kind, request_id, about);
