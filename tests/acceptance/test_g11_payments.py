"""G11 on a whole stack: every payment is credited once, whatever comes, fails or never comes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from ledger.chart import DISPUTES, PROMOTION, STRIPE
from tests.support.engine_checks import eventually
from tests.support.engines import reachable_folder
from tests.support.live_family import alarms, postgres_mains
from tests.support.shop import SETTINGS, Shop
from tests.support.up import ROOT, environment, running_up

STARTER_MC = 9_990_000
BASE_MC, BONUS_MC = 49_990_000, 2_499_000
PROFESSIONAL_CENTS = 4999
COMPLETED = "checkout.session.completed"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """One stack for all tests here; each compares with what it finds."""
    with reachable_folder() as folder, running_up(folder / "state", **SETTINGS) as up:
        yield Shop(up)
        assert alarms(up.said) == []


@pytest.fixture(autouse=True)
def _untold(shop: Shop) -> Iterator[None]:
    """Only what a test sends itself arrives."""
    shop.drop_webhooks()
    yield
    shop.drop_webhooks(drop=False)


def tollgate(shop: Shop, *arguments: str, code: int = 0) -> str:
    """Run a command beside the stack, as its operator does."""
    done = subprocess.run(
        [sys.executable, "-m", "proxy.cli", *arguments],
        cwd=ROOT,
        env=environment(shop.up.state),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def bought(shop: Shop, package_id: str = "starter") -> str:
    """A package that is paid at Stripe, of which we have not heard; the checkout's id."""
    checkout_id: str = shop.begin(package_id)["checkoutId"]
    shop.pay(checkout_id)
    return checkout_id


def test_the_same_event_twenty_times_at_once_gives_it_once(shop: Shop) -> None:
    """G11: in parallel over two workers; all are answered 200, and one does something."""
    before_mc = shop.up.balance_mc()
    bought(shop)
    body = shop.event(COMPLETED)
    with ThreadPoolExecutor(20) as senders:
        statuses = list(senders.map(lambda _: shop.send(body, shop.signed(body)), range(20)))
    assert statuses == [200] * 20
    assert shop.up.balance_mc() == before_mc + STARTER_MC
    event_id = json.loads(body)["id"]
    assert shop.rows(f"select count(*) from stripe_events where id = '{event_id}'") == [(1,)]


def test_what_is_not_stripes_is_refused_and_leaves_no_row(shop: Shop) -> None:
    """G11: forged, stale, of the future, cut, unsigned: 400, nothing kept, nothing credited."""
    before_mc = shop.up.balance_mc()
    bought(shop)
    body = shop.event(COMPLETED)
    kept = shop.rows("select count(*) from stripe_events")
    good = shop.signed(body)
    for sent, header in (
        (body, shop.signed(body, secret="whsec_another")),
        (body.replace(b'"paid"', b'"Paid"'), good),
        (body, shop.signed(body, age_s=301)),
        (body, shop.signed(body, age_s=-301)),
        (body[:-20], good),
        (body[:-20], shop.signed(body[:-20])),
        (b"", shop.signed(b"")),
        (b"[]", shop.signed(b"[]")),
        (body, None),
        (body, good.replace("v1=", "v0=")),
    ):
        assert shop.send(sent, header) == 400, (sent[:40], header)
    assert shop.rows("select count(*) from stripe_events") == kept
    assert shop.up.balance_mc() == before_mc
    assert shop.send(body, good) == 200
    assert shop.up.balance_mc() == before_mc + STARTER_MC


def test_an_event_that_is_far_too_large_is_refused(shop: Shop) -> None:
    """Nobody without a signature makes a worker hold much."""
    body = b" " * (2 << 20)
    assert shop.send(body, shop.signed(body)) in (413, 0)


def test_an_event_of_a_type_that_nobody_handles_is_kept_and_answered(shop: Shop) -> None:
    """Unknown types: 200, kept, logged."""
    bought(shop)
    body = shop.event(COMPLETED)
    unknown = body.replace(COMPLETED.encode(), b"unheard.of").replace(b"evt_", b"evt_u", 1)
    assert shop.send(unknown, shop.signed(unknown)) == 200
    assert shop.rows("select 1 from stripe_events where event_type = 'unheard.of'") == [(1,)]
    # So that a sync of another test does not find it.
    assert shop.send(body, shop.signed(body)) == 200


def test_postgres_killed_while_events_are_handled_credits_once(shop: Shop) -> None:
    """Done when 3: 5xx while it is away; Stripe's next attempt credits, and once."""
    before_mc = shop.up.balance_mc()
    bodies = []
    for package_id in ("starter", "professional", "enterprise"):
        bought(shop, package_id)
        bodies.append(shop.event(COMPLETED))
    [postgres] = postgres_mains(shop.up)
    with ThreadPoolExecutor(12) as senders:
        sending = [senders.submit(shop.send, body, shop.signed(body)) for body in bodies * 3]
        kill(postgres)
        statuses = [one.result() for one in sending]
    assert set(statuses) <= {200, 500, 502, 503}
    for body in bodies:
        eventually(lambda body=body: shop.send(body, shop.signed(body)) == 200)
    given_mc = STARTER_MC + BASE_MC + BONUS_MC + 109_989_000
    eventually(lambda: shop.up.balance_mc() == before_mc + given_mc)


def test_a_webhook_that_never_came_is_found_by_sync_and_a_late_one_adds_nothing(
    shop: Shop,
) -> None:
    """Done when 3: `billing sync` credits once."""
    before_mc = shop.up.balance_mc()
    checkout_id = bought(shop)
    assert shop.up.balance_mc() == before_mc
    found = json.loads(tollgate(shop, "billing", "sync", "--json"))
    assert [one["checkoutId"] for one in found["changed"]] == [checkout_id]
    assert found["creditedMillicredits"] == str(STARTER_MC)
    assert shop.up.balance_mc() == before_mc + STARTER_MC
    assert "Nothing was missing." in tollgate(shop, "billing", "sync")
    body = shop.event(COMPLETED)
    assert shop.send(body, shop.signed(body)) == 200
    assert shop.up.balance_mc() == before_mc + STARTER_MC
    assert shop.purchase(checkout_id)["receiptUrl"]


def test_refunds_and_disputes_are_right_at_every_step(shop: Shop) -> None:
    """Done when 4: three partial refunds; a dispute won and one lost; the bonus in proportion."""
    shop.drop_webhooks(drop=False)
    before_mc, moved = shop.up.balance_mc(), shop.moved()
    checkout_id = bought(shop, "professional")
    total_mc = BASE_MC + BONUS_MC

    def has(left_mc: int, **counters: int) -> None:
        eventually(lambda: shop.up.balance_mc() == before_mc + left_mc)
        now = shop.moved()
        for name, account in (("stripe", STRIPE), ("promotion", PROMOTION), ("bank", DISPUTES)):
            changed_mc = now.get(account, 0) - moved.get(account, 0)
            assert changed_mc == counters.get(name, 0), name

    has(total_mc, stripe=BASE_MC, promotion=BONUS_MC)
    refunded_cents = 0
    for cents in (1000, 1500, 2499):
        shop.stripe("POST", f"/payments/{checkout_id}/refund", {"amount": cents})
        refunded_cents += cents
        base_mc = BASE_MC - BASE_MC * refunded_cents // PROFESSIONAL_CENTS
        bonus_mc = BONUS_MC - BONUS_MC * refunded_cents // PROFESSIONAL_CENTS
        has(base_mc + bonus_mc, stripe=base_mc, promotion=bonus_mc)
    has(0)

    disputed = bought(shop, "professional")
    has(total_mc, stripe=BASE_MC, promotion=BONUS_MC)
    dispute_id = shop.stripe("POST", f"/payments/{disputed}/dispute")["id"]
    has(0, stripe=BASE_MC, promotion=BONUS_MC, bank=-total_mc)
    shop.stripe("POST", f"/disputes/{dispute_id}/win")
    has(total_mc, stripe=BASE_MC, promotion=BONUS_MC)

    lost = bought(shop, "professional")
    has(2 * total_mc, stripe=2 * BASE_MC, promotion=2 * BONUS_MC)
    dispute_id = shop.stripe("POST", f"/payments/{lost}/dispute")["id"]
    shop.stripe("POST", f"/disputes/{dispute_id}/lose")
    has(total_mc, stripe=2 * BASE_MC, promotion=2 * BONUS_MC, bank=-total_mc)
    assert "no differences" in tollgate(shop, "reconcile")


def test_what_was_bought_is_listed_for_operators(shop: Shop) -> None:
    """`tollgate purchases ACCOUNT`."""
    checkout_id = bought(shop)
    tollgate(shop, "billing", "sync")
    listed = tollgate(shop, "purchases", shop.up.dev["account_id"])
    assert "$9.99" in listed
    as_json = json.loads(tollgate(shop, "purchases", shop.up.dev["account_id"], "--json"))
    assert as_json["data"][0]["checkoutId"] == checkout_id
    assert as_json["data"][0]["status"] == "paid"


def test_without_a_webhooks_secret_the_route_is_off(state: Path) -> None:
    """No secret: off, not open; without a key nothing is sold, and the rest serves."""
    real = {"STRIPE_SECRET_KEY": "sk_test_none", "TOLLGATE_STRIPE_API_BASE": "http://127.0.0.1:9"}
    with running_up(state, **real) as up:
        assert up.api.call("POST", "/webhooks/stripe", body={}).status == 404
        refused = up.api.call(
            "POST", "/v1/credits/checkout", token=up.dev["api_key"], body={"packageId": "starter"}
        )
        assert (refused.status, refused.content["error"]["code"]) == (503, "stripe_unavailable")
        unknown = up.api.call(
            "POST", "/v1/credits/checkout", token=up.dev["api_key"], body={"packageId": "gold"}
        )
        assert (unknown.status, unknown.content["error"]["param"]) == (400, "packageId")
        assert "stripe_api_base" not in up.dev


def kill(process: psutil.Process) -> None:
    """As the system does when memory runs out."""
    os.kill(process.pid, 9)
