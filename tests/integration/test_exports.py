"""Exports over HTTP: every format says what the API says, of whom it may, from one moment."""

import asyncio
import csv
import gzip
import io
import json
from collections.abc import AsyncIterator, Sequence
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import Any

import aiohttp
import asyncpg
import msgspec
import pyarrow.parquet
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from console.errors import ApiError
from console.export_answers import ExportAnswers
from console.exports import usage_export
from console.handling import answering_errors
from ledger.exports.export import as_gzip, pieces_of
from ledger.exports.formats import FORMATS
from ledger.exports.selection import Selection
from ledger.exports.snapshot import Snapshot
from tests.bench.seeded_books import SeededAccount
from tests.support.people import ADMIN, Desk, minute
from tests.support.seeded import seeded_books

ROWS = 1_500
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def accounts(database_url: str, migration_database_url: str) -> list[SeededAccount]:
    return seeded_books(database_url, migration_database_url, rows=ROWS)


async def listed(client: TestClient, path: str, headers: dict[str, str]) -> Rows:
    """All rows of a list, page by page, newest first."""
    rows: Rows = []
    cursor = ""
    while True:
        page = await got(client, f"{path}&limit=1000{cursor}", headers)
        content = json.loads(page, parse_float=Decimal)
        rows += content["data"]
        if content["nextCursor"] is None:
            return rows
        cursor = f"&cursor={content['nextCursor']}"


async def got(client: TestClient, path: str, headers: dict[str, str] = ADMIN) -> bytes:
    async with client.get(path, headers=headers) as response:
        assert response.status == 200, await response.text()
        return await response.read()


def csv_rows(body: bytes) -> Rows:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def jsonl_rows(body: bytes) -> Rows:
    return [json.loads(line, parse_float=Decimal) for line in body.splitlines()]


def parquet_rows(body: bytes) -> Rows:
    return list(pyarrow.parquet.read_table(io.BytesIO(body)).to_pylist())


async def test_every_format_of_usage_has_every_row_of_the_api(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """Row by row, oldest first, amounts to the millicredit."""
    api = (await listed(client, "/admin/usage?", ADMIN))[::-1]
    found = {
        name: await got(client, f"/admin/exports/usage?format={name}")
        for name in ("csv", "jsonl", "parquet")
    }
    from_csv, from_parquet = csv_rows(found["csv"]), parquet_rows(found["parquet"])
    from_jsonl = jsonl_rows(found["jsonl"])
    assert len(api) >= ROWS
    assert len(api) == len(from_csv) == len(from_parquet) == len(from_jsonl)
    for shown, cells, typed, lined in zip(api, from_csv, from_parquet, from_jsonl, strict=True):
        assert {name: lined[name] for name in shown} == shown
        assert shown["requestId"] == cells["request_id"] == typed["request_id"]
        assert shown["createdAt"] == cells["created_at"]
        assert (cells["model"], cells["status"]) == (shown["model"], shown["status"])
        assert cells["charged_millicredits"] == shown["chargedMillicredits"]
        assert Decimal(cells["charged_credits"]) == shown["chargedCredits"]
        assert typed["charged_credits"] == shown["chargedCredits"]
        assert str(typed["charged_millicredits"]) == shown["chargedMillicredits"]
        for dimension, count in shown["units"].items():
            assert cells[f"{dimension}_units"] == str(count)
            assert typed[f"{dimension}_units"] == count
        for dimension, rate in shown["rates"].items():
            assert cells[f"{dimension}_rate"] == rate
            assert typed[f"{dimension}_rate"] == Decimal(rate)


async def test_g8_a_charge_and_a_cost_can_be_recomputed_from_a_line_of_csv(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """G8: units times rates of the line itself, rounded up once."""
    lines = csv_rows(await got(client, "/admin/exports/usage"))
    known_costs = 0
    for line in lines:
        dimensions = ("input", "cached_input", "output")
        exact = sum(
            (Decimal(line[f"{name}_units"]) * Decimal(line[f"{name}_rate"]) for name in dimensions),
            Decimal(0),
        )
        assert line["rounding"] == "millicredit"
        assert exact.to_integral_value(ROUND_CEILING) == int(line["charged_millicredits"])
        if line["cost_usd"]:
            known_costs += 1
            cost = sum(
                Decimal(line[f"{name}_units"]) * Decimal(line[f"{name}_cost_rate"])
                for name in dimensions
            )
            assert cost / 10**6 == Decimal(line["cost_usd"])
    assert known_costs


async def test_every_format_of_the_ledger_has_every_row_of_the_api(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """The chain of balances, in each format."""
    api = (await listed(client, "/admin/ledger?", ADMIN))[::-1]
    from_csv = csv_rows(await got(client, "/admin/exports/ledger"))
    from_parquet = parquet_rows(await got(client, "/admin/exports/ledger?format=parquet"))
    assert jsonl_rows(await got(client, "/admin/exports/ledger?format=jsonl")) == api
    for shown, cells, typed in zip(api, from_csv, from_parquet, strict=True):
        assert (cells["id"], typed["id"]) == (shown["id"], shown["id"])
        assert cells["sequence"] == str(shown["sequence"])
        assert cells["type"] == shown["type"]
        assert cells["counter_account"] == shown["counterAccount"]
        for csv_name, name in (("amount", "amount"), ("balance_after", "balanceAfter")):
            assert cells[f"{csv_name}_millicredits"] == shown[f"{name}Millicredits"]
            assert str(typed[f"{csv_name}_millicredits"]) == shown[f"{name}Millicredits"]
        assert Decimal(cells["amount_credits"]) == shown["amountCredits"]
        assert typed["amount_credits"] == shown["amountCredits"]


@pytest.mark.parametrize("what", ["usage", "ledger"])
async def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(
    client: TestClient, accounts: list[SeededAccount], what: str
) -> None:
    """[from, to) by the time of posting: two halves make the whole, and no row is in both."""
    july = await got(client, f"/admin/exports/{what}?from=2026-07-01&to=2026-08-01")
    august = await got(client, f"/admin/exports/{what}?from=2026-08-01&to=2026-09-01")
    whole = await got(client, f"/admin/exports/{what}?from=2026-07-01&to=2026-09-01T00:00:00Z")
    assert csv_rows(july) + csv_rows(august) == csv_rows(whole)
    assert csv_rows(july)
    assert csv_rows(august)


@pytest.mark.parametrize("path", ["/admin/exports/usage", "/admin/exports/ledger"])
async def test_an_export_of_nothing_is_a_whole_file(
    client: TestClient, accounts: list[SeededAccount], path: str
) -> None:
    """A header without rows; no line; a table that can be read."""
    never = "from=2020-01-01&to=2020-01-02"
    assert csv_rows(await got(client, f"{path}?{never}")) == []
    assert (await got(client, f"{path}?{never}")).count(b"\r\n") == 1
    assert await got(client, f"{path}?{never}&format=jsonl") == b""
    assert parquet_rows(await got(client, f"{path}?{never}&format=parquet")) == []


async def test_gzip_is_a_file_of_its_own_and_says_so(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """What was asked for as gzip is stored as gzip."""
    plain = await got(client, "/admin/exports/usage")
    async with client.get("/admin/exports/usage?gzip=1", headers=ADMIN) as response:
        assert response.headers["Content-Type"] == "application/gzip"
        assert "Content-Encoding" not in response.headers
        assert response.content_disposition is not None
        assert response.content_disposition.filename == "tollgate-usage.csv.gz"
        assert gzip.decompress(await response.read()) == plain


async def test_accounts_get_gzip_files_as_well(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """On request, of files only: a page of a list is none."""
    headers = {"X-Account": str(accounts[0].account_id)}
    for what in ("usage", "ledger"):
        plain = await got(client, f"/v1/credits/{what}?format=csv", headers)
        packed = await got(client, f"/v1/credits/{what}?format=csv&gzip=1", headers)
        assert gzip.decompress(packed) == plain
        for query in ("gzip=1", "format=json&gzip=1", "format=parquet&gzip=1"):
            async with client.get(f"/v1/credits/{what}?{query}", headers=headers) as refused:
                assert refused.status == 400
                assert (await refused.json())["error"]["param"] == "gzip"


async def test_a_download_has_a_name_and_a_type(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """As a browser stores it."""
    url = "/admin/exports/ledger?from=2026-08-01&to=2026-09-01&format=jsonl"
    async with client.get(url, headers=ADMIN) as response:
        disposition = response.content_disposition
        assert disposition is not None
        assert disposition.type == "attachment"
        assert disposition.filename == "tollgate-ledger-from-2026-08-01-to-2026-09-01.jsonl"
        assert response.content_type == "application/x-ndjson"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("format=xlsx", "format"),
        ("from=yesterday", "from"),
        ("from=2026-02-01&to=2026-01-01", "from"),
        ("account=x", "account"),
        ("accountId=x", "accountId"),
        ("gzip=maybe", "gzip"),
        ("format=parquet&gzip=1", "gzip"),
        ("format=csv&format=csv", "format"),
    ],
)
async def test_a_wrong_parameter_is_named(client: TestClient, query: str, param: str) -> None:
    """400 before any byte of a file."""
    async with client.get(f"/admin/exports/usage?{query}", headers=ADMIN) as response:
        assert response.status == 400
        assert (await response.json())["error"]["param"] == param


async def test_exports_are_for_operators(client: TestClient) -> None:
    """A key of an account opens none of them, and neither does nothing."""
    for path in ("usage", "ledger", "journal"):
        async with client.get(f"/admin/exports/{path}") as response:
            assert response.status == 401
    async with client.get("/admin/exports/usage?accountId=" + "0" * 32, headers=ADMIN) as response:
        assert response.status == 404


@pytest.mark.parametrize("what", ["usage", "ledger"])
async def test_g12_an_account_exports_its_own_rows_and_no_others(
    client: TestClient, accounts: list[SeededAccount], what: str
) -> None:
    """G12: as its list has them, newest first, and nothing that only operators see."""
    for one in accounts:
        headers = {"X-Account": str(one.account_id)}
        api = await listed(client, f"/v1/credits/{what}?", headers)
        assert jsonl_rows(await got(client, f"/v1/credits/{what}?format=jsonl", headers)) == api
        cells = csv_rows(await got(client, f"/v1/credits/{what}?format=csv", headers))
        name, column = ("requestId", "request_id") if what == "usage" else ("id", "id")
        assert [row[name] for row in api] == [row[column] for row in cells]
        assert len(api) > 10
        internal = {"cost_usd", "posted_credits", "actor", "counter_account", "account_id"}
        assert not internal & set(cells[0])


async def test_g12_no_filter_or_cursor_reaches_another_account(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """G12: whatever is asked for with them."""
    ada, bob = accounts[0], accounts[1]
    headers = {"X-Account": str(ada.account_id)}
    bobs_key = bob.key_ids[0]
    asked = f"/v1/credits/usage?format=jsonl&keyId={bobs_key}"
    assert await got(client, asked, headers) == b""
    page = json.loads(
        await got(client, "/v1/credits/usage?limit=5", {"X-Account": str(bob.account_id)})
    )
    asked = f"/v1/credits/usage?format=jsonl&cursor={page['nextCursor']}"
    bobs = {row["requestId"] for row in page["data"]}
    found = jsonl_rows(await got(client, asked, headers))
    keys = {str(key) for key in ada.key_ids}
    assert {row["keyId"] for row in found} <= keys
    assert not bobs & {row["requestId"] for row in found}
    async with client.get(f"/v1/credits/usage?accountId={bob.account_id}", headers=headers) as no:
        assert no.status == 400


async def test_an_accounts_export_takes_the_filters_of_its_list(
    client: TestClient, accounts: list[SeededAccount]
) -> None:
    """All rows unless there is a limit."""
    headers = {"X-Account": str(accounts[0].account_id)}
    for query in (
        "model=gpt-4o",
        "status=failed",
        f"keyId={accounts[0].key_ids[1]}",
        "from=2026-08-01&to=2026-08-15",
    ):
        api = await listed(client, f"/v1/credits/usage?{query}", headers)
        found = await got(client, f"/v1/credits/usage?{query}&format=jsonl", headers)
        assert jsonl_rows(found) == api
        assert api
    limited = await got(client, "/v1/credits/usage?format=csv&limit=7", headers)
    assert len(csv_rows(limited)) == 7
    grants = await got(client, "/v1/credits/ledger?format=jsonl&type=grant", headers)
    assert {row["type"] for row in jsonl_rows(grants)} == {"grant"}


async def test_an_export_is_of_one_moment_whatever_is_written_meanwhile(desk: Desk) -> None:
    """A snapshot: rows that come while it runs are in the next one."""
    account = await desk.account_with(1_000)
    for number in range(40):
        for _ in range(20):
            await desk.use(account.account_id, minute(number))
    selection = Selection(account_id=account.account_id)
    pieces = pieces_of(desk.pool, usage_export(selection, FORMATS["jsonl"]))
    body = b""
    async for piece in pieces:
        body += piece
        await desk.use(account.account_id, minute(50))
        await desk.use(account.account_id, minute(0))
    assert len(jsonl_rows(body)) == 800
    again = pieces_of(desk.pool, usage_export(selection, FORMATS["jsonl"]))
    later = b"".join([piece async for piece in again])
    assert len(jsonl_rows(later)) > 800


async def cut_short(database_url: str, snapshot: Snapshot, after: int) -> AsyncIterator[Any]:
    """Rows that end because Postgres closes the connection after some batches."""
    batches = snapshot.usage(Selection())
    for _ in range(after):
        yield await anext(batches)
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and state = 'idle in transaction'"
    )
    await connection.close()
    async for batch in batches:
        yield batch


async def export_cut_short(
    desk: Desk, database_url: str, form: str, *, after: int, is_gzipped: bool = False
) -> TestClient:
    """A client of a server whose export of usage is cut short."""
    export = usage_export(Selection(), FORMATS[form])
    rows = partial(cut_short, database_url, after=after)
    export = msgspec.structs.replace(export, rows=rows)
    export = as_gzip(export) if is_gzipped else export
    answers = ExportAnswers(desk.pool)

    async def handle(request: web.Request) -> web.StreamResponse:
        return await answers.answer(request, export)

    app = web.Application()
    app.add_routes([web.get("/export", answering_errors(handle))])
    return TestClient(TestServer(app))


@pytest.mark.parametrize(("form", "is_gzipped"), [("csv", False), ("jsonl", False), ("csv", True)])
async def test_an_export_that_fails_in_the_middle_ends_as_a_broken_connection(
    desk: Desk,
    database_url: str,
    accounts: list[SeededAccount],
    form: str,
    is_gzipped: bool,
) -> None:
    """Half a file never looks whole: Postgres has ended the connection under it."""
    opening = export_cut_short(desk, database_url, form, after=12, is_gzipped=is_gzipped)
    async with await opening as client, client.get("/export") as response:
        assert response.status == 200
        with pytest.raises((aiohttp.ClientError, OSError)):
            await response.read()


async def without_end(snapshot: Snapshot) -> AsyncIterator[Sequence[Any]]:
    """The first rows of usage, again and again."""
    rows = [row async for rows in snapshot.usage(Selection()) for row in rows]
    while True:
        yield rows


async def test_a_client_that_leaves_is_no_failure_and_frees_its_place(
    desk: Desk, accounts: list[SeededAccount]
) -> None:
    """Known by a code of its own; what fails here would be told to operators."""
    answers = ExportAnswers(desk.pool, at_once=1)
    export = usage_export(Selection(), FORMATS["jsonl"])
    export = msgspec.structs.replace(export, rows=without_end)
    ends: asyncio.Queue[tuple[int, str]] = asyncio.Queue()

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await answers.answer(request, export)
        except ApiError as error:
            ends.put_nowait((error.status, error.code))
            raise

    app = web.Application()
    app.add_routes([web.get("/export", handle)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            response = await session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/export")
            assert response.status == 200
            response.close()
            assert await ends.get() == (499, "client_left")
    await runner.cleanup()


async def test_an_export_that_cannot_begin_is_an_ordinary_error(
    desk: Desk, database_url: str, accounts: list[SeededAccount]
) -> None:
    """Until there are rows nothing is sent that would have to be broken off."""
    async with (
        await export_cut_short(desk, database_url, "csv", after=0) as client,
        client.get("/export") as response,
    ):
        assert response.status == 500  # without the middleware that answers ApiErrors
        assert response.content_disposition is None


async def test_more_exports_than_a_server_makes_at_once_are_refused(desk: Desk) -> None:
    """They hold connections that calls and pages need; the next one may come a moment later."""
    answers = ExportAnswers(desk.pool, at_once=0)

    async def handle(request: web.Request) -> web.StreamResponse:
        with pytest.raises(ApiError) as refused:
            await answers.answer(request, usage_export(Selection(), FORMATS["csv"]))
        return web.Response(status=refused.value.status, headers=refused.value.headers)

    app = web.Application()
    app.add_routes([web.get("/export", handle)])
    async with TestClient(TestServer(app)) as client, client.get("/export") as response:
        assert response.status == 503
        assert response.headers["Retry-After"]


async def test_an_export_gives_its_place_and_connection_back(
    desk: Desk, client: TestClient, accounts: list[SeededAccount]
) -> None:
    """Also where the client leaves in the middle."""
    for _ in range(6):
        async with client.get("/admin/exports/usage?format=jsonl", headers=ADMIN) as response:
            await response.content.readany()
            response.close()
        await got(client, "/admin/exports/ledger")
