"""A pretend Stripe: the part of its API that Tollgate uses, over HTTP, with no money behind.

For running without a Stripe key and for tests. It speaks API version 2026-10-28.endive through
the real `stripe` library, and is as strict as the real one: about every parameter's name and type,
about keys, versions, amounts and idempotency keys. Its objects and events are complete. What it
knows is kept in a file, so it survives a restart; what is turned by knobs does not.

    python -m deploy.local.pretend_stripe --port 9100 --api-key sk_test_pretend \\
        --webhook-secret whsec_pretend --webhook-url http://127.0.0.1:8080/webhooks/stripe \\
        --state stripe.jsonl

The API under `/v1`: checkout/sessions (modes payment and setup; list, expire, line_items),
customers, payment_intents (list, cancel), setup_intents (list), payment_methods/{id} (detach),
charges, refunds and disputes (list). A session's page is at its `url`; receipts at `receipt_url`.

Cards: `pm_card_visa`, `pm_card_mastercard` pay; `pm_card_chargeDeclined`,
`pm_card_chargeDeclinedInsufficientFunds`, `pm_card_chargeDeclinedExpiredCard` are declined;
`pm_card_chargeCustomerFail` can be saved and is declined later; `pm_card_authenticationRequired`
needs authentication for each payment without the customer. Where a session allows promotion codes,
PRETEND1 to PRETEND99 take so many percent off.

What customers, banks and networks do is done at `/pretend/…`, with the API's key; bodies are JSON,
and each field may be left out. `{payment}` is the id of a charge, an intent or a session.

| route | fields | what happens |
|---|---|---|
| `POST /pretend/sessions/{id}/pay` | `card`, `email`, `code` | the session is paid by card |
| `POST /pretend/sessions/{id}/decline` | | a card is declined; the session stays open |
| `POST /pretend/sessions/{id}/pay_by_bank` | `outcome`: succeeded, failed; `email`, `code` | \
completed, unpaid until the bank answers |
| `POST /pretend/sessions/{id}/settle` | `outcome` | the bank answers now |
| `POST /pretend/payments/{payment}/refund` | `amount` (cents; all), `reason` | a refund |
| `POST /pretend/refunds/{id}/fail` | | a refund comes back |
| `POST /pretend/payments/{payment}/dispute` | `amount`, `reason`, `inquiry` | a dispute, whose \
funds are withdrawn unless it is an inquiry |
| `POST /pretend/disputes/{id}/win`, `…/lose` | | the dispute is closed |
| `PUT /pretend/off_session` | `outcome`: by_card, succeeds, declines, needs_authentication; \
`customer` | what becomes of payments without the customer, from now on |
| `PUT /pretend/webhooks` | `delay_s`, `copies`, `drop` (types, or \\*), `order`: as_happened, \
newest_first, random | how new events are delivered |
| `PUT /pretend/api` | `fail_next`, `status`, `lose_next`, `delay_s` | so many requests are \
refused; so many are done but never answered |
| `PUT /pretend/page` | `tax_percent`, `bank_delay_s` | tax where a session has automatic tax; \
how long a bank takes |
| `GET /pretend/events?type=…` | | every event, the oldest first, and how its delivery stands |
| `POST /pretend/events/send` | `events` (ids; all that were dropped), `order`, `copies` | these \
are delivered now, whatever came of them before |

A `PUT` turns all knobs of its route: what it leaves out goes back. An event that is not answered
with 2xx is sent again after 1, 2, 4, … seconds, every 5 minutes at most, for three days.
"""

from deploy.local.pretend_stripe.app import create_pretend_stripe
from deploy.local.pretend_stripe.store import Store

__all__ = ["Store", "create_pretend_stripe"]
