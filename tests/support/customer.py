"""A customer of a running stack: an account with a key, that calls, asks and buys over HTTP."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from ledger.ids import new_id
from pricing.money import parse_credits
from tests.support.engine_checks import eventually, query
from tests.support.pretend import chat, knobs, streamed
from tests.support.up import Up
from tests.support.waiting import PATIENCE_S


class HttpAnswer(NamedTuple):
    """A whole answer; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Call(NamedTuple):
    """A call that was charged."""

    request_id: str
    charged_mc: int


class Customer:
    """An account that is there already, and a new key of it, named `First key`."""

    def __init__(self, up: Up, account_id: str, name: str) -> None:
        self.up = up
        self.account_id = account_id
        self.name = name
        self.key_id, self.key = self.new_key("First key")

    @classmethod
    def new(cls, up: Up, *, name: str = "Ada & Söhne", credits: str = "100") -> "Customer":
        """A customer of a new account with credits."""
        token = up.dev["admin_token"]
        made = up.api.expect("POST", "/admin/accounts", token=token, body={"name": name})
        customer = cls(up, made["accountId"], name)
        if credits != "0":
            customer.grant(credits)
        return customer

    @property
    def url(self) -> str:
        """Where the server is."""
        return self.up.dev["base_url"].removesuffix("/v1")

    @property
    def path(self) -> str:
        """The account, in the operators' API."""
        return f"/accounts/{self.account_id}"

    def operator(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask as the operator."""
        token = self.up.dev["admin_token"]
        return self.up.api.expect(method, f"/admin{path}", token=token, body=body)

    def new_key(self, name: str) -> tuple[str, str]:
        """Another key's id and text."""
        made = self.operator("POST", f"{self.path}/keys", {"name": name})
        return str(made["keyId"]), str(made["key"])

    def grant(self, credits: str) -> None:
        """More credits, as a gift."""
        body = {"credits": credits, "description": "Welcome", "idempotencyKey": new_id()}
        self.operator("POST", f"{self.path}/grants", body)

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask the API with the first key."""
        return self.up.api.expect(method, f"/v1/credits{path}", token=self.key, body=body)

    def link(self) -> str:
        """A link that signs in, once."""
        return str(self.operator("POST", f"{self.path}/console-sessions", {})["url"])

    def take(self, credits: str) -> None:
        """Less credits, by hand."""
        body = {"credits": f"-{credits}", "description": "Taken", "idempotencyKey": new_id()}
        self.operator("POST", f"{self.path}/adjustments", body)

    def wait_until_low(self, *, is_low: bool = True) -> None:
        """Wait until the look at all balances has seen a fall, or a rise."""
        wanted = f"select is_low from low_balances where account_id = '{self.account_id}'"
        eventually(lambda: query(self.up.dev["database_url"], wanted) == [(is_low,)])

    def balance_mc(self) -> int:
        """What the API says that there is."""
        return int(self.ask("GET", "/balance")["balanceMillicredits"])

    def rows(self, what: str, filters: str = "") -> list[dict[str, Any]]:
        """All rows of a list of the API: `usage`, `ledger` or `purchases`."""
        rows: list[dict[str, Any]] = self.ask("GET", f"/{what}?limit=1000{filters}")["data"]
        return rows

    def csv_rows(self, path: str, cookie: str) -> list[dict[str, str]]:
        """The rows of a CSV file that a signed-in browser downloads."""
        answer = send("GET", self.url, path, headers={"Cookie": cookie})
        assert answer.status == 200, answer
        assert answer.headers["content-type"].startswith("text/csv")
        return list(csv.DictReader(io.StringIO(answer.body.decode())))

    def try_call(self, *, key: str = "", **fields: object) -> int:
        """The status of a small call with a key."""
        return self._post_call(key or self.key, chat(**fields), {}).status

    def call(self, *, key: str = "", output_tokens: int = 20, **fields: object) -> Call:
        """A call whose answer has so many tokens; it is over when this returns."""
        turned = knobs(output_tokens=output_tokens)
        answer = self._post_call(key or self.key, chat(**fields), turned)
        assert answer.status == 200, answer
        charged_mc = parse_credits(answer.headers["x-credits-charged"])
        return Call(answer.headers["x-request-id"], charged_mc)

    def written_call(self, **wanted: Any) -> Call:
        """A call that stands in the ledger when this returns."""
        call = self.call(**wanted)
        eventually(lambda: self._is_written(call.request_id))
        return call

    @contextmanager
    def slow_call(self) -> Iterator[None]:
        """A long stream that is under way until the block ends; then its client leaves."""
        parts = urlsplit(self.url)
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
        headers = {
            "Authorization": f"Bearer {self.key}",
            **knobs(output_tokens=1000, chunk_delay_s=0.5),
        }
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(streamed()), headers)
            yield
        finally:
            connection.close()

    def _is_written(self, request_id: str) -> bool:
        path = f"/v1/credits/usage/{request_id}"
        return self.up.api.call("GET", path, token=self.key).status == 200

    def _post_call(self, key: str, body: object, headers: Mapping[str, str]) -> HttpAnswer:
        own = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        content = json.dumps(body).encode()
        return send("POST", self.url, "/v1/chat/completions", content, {**own, **headers})


def send(
    method: str,
    url: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpAnswer:
    """One request on a connection of its own; redirects are not followed."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return HttpAnswer(answer.status, found, answer.read())
    finally:
        connection.close()


def post_form(
    url: str, path: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
) -> HttpAnswer:
    """A form as a browser sends it."""
    own = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return send("POST", url, path, urlencode(fields).encode(), own)
