"""A stack that sells, over HTTP: its customer's calls, the pretend Stripe's, its webhooks."""

import json
import time
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from deploy.local.own_api import OwnApi
from deploy.local.pretend_stripe.signature import HEADER, signature
from tests.support.engine_checks import query
from tests.support.up import Up
from tests.support.waiting import PATIENCE_S

PATH = "/webhooks/stripe"
# The stack's own sync, every few minutes, would find what a test lets Stripe say nothing of.
SETTINGS = {"TOLLGATE_WORKERS": "2", "TOLLGATE_BILLING_SYNC_EVERY_S": "0"}


class Shop:
    """The printed key's customer of a running stack, and the pretend Stripe beside it."""

    def __init__(self, up: Up) -> None:
        self.up = up
        self.url = up.dev["base_url"].removesuffix("/v1")

    def stripe(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Turn a knob of the pretend Stripe, or let something happen there."""
        api = OwnApi(self.up.dev["stripe_api_base"])
        token = self.up.dev["stripe_api_key"]
        return api.expect(method, f"/pretend{path}", token=token, body=body)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask as the customer."""
        token = self.up.dev["api_key"]
        return self.up.api.expect(method, f"/v1/credits{path}", token=token, body=body)

    def begin(self, package_id: str = "starter") -> dict[str, Any]:
        """Begin a checkout, as a client app does."""
        return self.ask("POST", "/checkout", {"packageId": package_id})

    def purchase(self, checkout_id: str) -> dict[str, Any]:
        """A purchase as its customer sees it."""
        listed = self.ask("GET", "/purchases")["data"]
        found: dict[str, Any] = next(one for one in listed if one["checkoutId"] == checkout_id)
        return found

    def pay(self, checkout_id: str) -> None:
        """What the Pay button does."""
        self.stripe("POST", f"/sessions/{checkout_id}/pay")

    def drop_webhooks(self, *, drop: bool = True) -> None:
        """Let no event arrive from now on, or all again; those that were dropped stay so."""
        self.stripe("PUT", "/webhooks", {"drop": ["*"] if drop else []})

    def event(self, event_type: str) -> bytes:
        """The newest event of a type that the pretend Stripe has made, as it would be sent."""
        newest = self.stripe("GET", f"/events?type={event_type}")["data"][-1]
        return json.dumps(newest["event"]).encode()

    def signed(self, body: bytes, *, age_s: int = 0, secret: str = "") -> str:
        """The header that signs a body."""
        return signature(body, secret or self._webhook_secret(), int(time.time()) - age_s)

    def send(self, body: bytes, header: str | None) -> int:
        """Post to our webhooks' route; the status, 0 where the connection broke."""
        url = urlsplit(self.url)
        connection = HTTPConnection(url.hostname or "", url.port, timeout=PATIENCE_S)
        try:
            headers = {} if header is None else {HEADER: header}
            connection.request("POST", PATH, body, headers)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What the ledger's database says."""
        return query(self.up.dev["database_url"], statement)

    def moved(self) -> dict[str, int]:
        """How much each account of the chart has got by the customer's entries."""
        rows = self.rows(
            "select counter_account, sum(amount_mc)::bigint from ledger_entries"
            " where actor = 'stripe' group by counter_account"
        )
        return {str(account): int(str(amount_mc)) for account, amount_mc in rows}

    def _webhook_secret(self) -> str:
        told = json.loads((self.up.state / "environment.json").read_text())
        return str(told["STRIPE_WEBHOOK_SECRET"])
