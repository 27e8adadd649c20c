"""A customer of a running stack who has called for weeks: made-up books that reconcile."""

import json
from datetime import datetime

from tests.bench.seed import seed
from tests.support.customer import Customer
from tests.support.engines import run_apart
from tests.support.up import Up


def seeded_customer(
    up: Up, *, calls: int, days: int, seed_number: int, until: datetime | None = None
) -> Customer:
    """The busiest account of new books, which end before today unless `until` says when."""
    environment = json.loads((up.state / "environment.json").read_text())
    making = seed(
        environment, rows=calls, accounts=1, days=days, seed_number=seed_number, until=until
    )
    (account,) = run_apart(making)
    return Customer(up, str(account.account_id), "Bench 001")
