"""G8 as operators meet it: rates change under load, by a file, a signal and a schedule."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from config.moments import moment_text
from tests.support.live_books import Books, open_books
from tests.support.live_clients import Answer, Load, ask, customer_of, question
from tests.support.live_family import alarms, logged, workers
from tests.support.live_rates import (
    SHIPPED,
    LiveRates,
    in_force,
    known_rates,
    recomputed_mc,
    rows_of,
    switches,
)
from tests.support.pretend import knobs
from tests.support.stack import Customer
from tests.support.up import Up, running_up
from tests.support.waiting import until, until_answered

CLIENTS = 12
# Time enough for all processes to learn of a plan, on a busy machine, before it is carried out.
SOON_S = 12


@pytest.fixture
def rates(tmp_path: Path) -> LiveRates:
    return LiveRates(tmp_path)


def settings_of(rates: LiveRates) -> dict[str, str]:
    return {"TOLLGATE_WORKERS": "2", "TOLLGATE_CONFIG_DIR": str(rates.folder)}


async def test_g8_rates_change_under_load_and_each_row_keeps_its_own(
    state: Path, rates: LiveRates
) -> None:
    """G8: no call fails; a row's charge follows from the row alone; old rows never change."""
    versions = [rates.version]
    with running_up(state, **settings_of(rates)) as up:
        customers = [customer_of(up, "100000") for _ in range(4)]
        load = Load(up.dev["base_url"], customers)
        changes: list[Callable[[], str]] = [
            lambda: rates.write("3.6"),
            lambda: asked_to_read(up, rates.write("4.8")),
            lambda: rates.replace("3.6"),
            lambda: rates.replace("0.000001"),
        ]
        async with open_books(up.dev) as books:
            async with load.running(CLIENTS):
                await load.goes_on()
                patient = customer_of(up, "1000")
                quoted_before = asyncio.create_task(call(up, patient, delay_s=8))
                await until_answered(lambda: is_held(books, patient), "it is quoted")
                old_rows = await rows_of(books.database)
                for change in changes:
                    versions.append(change())
                    await in_force(up, versions[-1])
                    new = await call(up, customers[1])
                    assert (await row_of(books, new))["rate_version"] == versions[-1]
                    await load.goes_on()
                slow = await quoted_before
            await books.wait_until_quiet()
            await books.assert_charged([*load.complete, slow])
            rows = await rows_of(books.database)
            known = await known_rates(books.database)
        await until(
            lambda: [line["version"] for line in history(up)] == versions[::-1],
            "Postgres has heard of all, in their order",
        )
        assert alarms(up.said) == []
        assert up.stop() == 0

    assert (load.strange, dict(load.failures)) == ([], {})
    assert old_rows
    assert {request_id: rows[request_id] for request_id in old_rows} == old_rows
    assert {row["rate_version"] for row in rows.values()} == set(versions)
    assert rows[slow.request_id]["rate_version"] == versions[0]
    for row in rows.values():
        assert json.loads(row["rates"]) == known[row["rate_version"]][row["model"]], row
        assert row["charge_mc"] == recomputed_mc(row), row


async def test_a_bad_table_is_refused_and_the_last_good_one_stays(
    state: Path, rates: LiveRates
) -> None:
    """Rates: also for a worker that is started meanwhile; a file that is put right is taken."""
    with running_up(state, **settings_of(rates)) as up:
        customer = customer_of(up, "100")
        good = rates.write("3.6")
        await in_force(up, good)
        rates.path.write_text(SHIPPED.replace('"2.4"', '"cheap"'))
        await until(lambda: logged(up.said, "rates_refused"), "it is refused")
        killed = workers(up)
        for worker in killed:
            worker.kill()
        await until(lambda: are_others(workers(up), killed), "workers are started again")
        await in_force(up, good)
        async with open_books(up.dev) as books:
            answer = await call(up, customer)
            assert (await row_of(books, answer))["rate_version"] == good
        [refusal] = logged(up.said, "rates_refused")
        assert (refusal["level"], refusal["file"]) == ("error", str(rates.path))
        assert refusal["key"] == 'models."gpt-4o-mini".input'
        assert refusal["reason"].startswith("'cheap' is not a rate")
        assert refusal["kept"] == good
        mended = rates.write("4.8")
        await in_force(up, mended)
        await until(
            lambda: [line["version"] for line in history(up)][:2] == [mended, good],
            "Postgres has heard of it",
        )
        assert up.stop() == 0
    assert "rates_refused" in up.said


async def test_what_is_scheduled_comes_into_force_by_itself(state: Path, rates: LiveRates) -> None:
    """Rates: a change and a retirement, at their second, with nobody doing anything."""
    with running_up(state, **settings_of(rates)) as up:
        customer = customer_of(up, "100")
        token = customer.key
        moment_s = int(time.time()) + SOON_S
        retired = f"retire_at = {moment_text(moment_s)}"
        plan = f'[[models."gpt-4o-mini".changes]]\neffective_from = {moment_text(moment_s)}\n'
        table = SHIPPED.replace('label = "Advanced"', f'label = "Advanced"\n{retired}')
        rates.path.write_text(f'{table}\n{plan}input = "1"\noutput = "4"\n')
        await until(
            lambda: {line["reason"] for line in switches(up)} >= {"file changed", "schedule"},
            "the change is made by itself",
        )
        await in_force(up, rates.version)
        card = up.api.expect("GET", "/v1/credits/rates", token=token)
        assert card["updatedAt"] == moment_text(moment_s).replace("Z", ".000Z")
        assert card["rateVersion"] == rates.version
        assert [(one["model"], one["rates"]["input"]) for one in card["models"]] == [
            ("gpt-4o-mini", "1")
        ]
        shown = up.api.expect("GET", "/v1/models", token=token)
        assert [one["id"] for one in shown["data"]] == ["gpt-4o-mini"]
        refused = up.api.call(
            "POST", "/v1/chat/completions", token=token, body=question(model="gpt-4o")
        )
        assert refused.status == 404
        assert (
            f"'gpt-4o' was retired at {moment_text(moment_s)}"
            in refused.content["error"]["message"]
        )
        async with open_books(up.dev) as books:
            row = await row_of(books, await call(up, customer))
        assert row["rate_version"] == rates.version
        assert row["charge_mc"] == recomputed_mc(row)
        await until(lambda: history(up)[0]["version"] == rates.version, "Postgres has heard of it")
        newest = history(up)[0]
        assert (newest["version"], newest["reason"]) == (rates.version, "schedule")
        assert newest["inForceFrom"] == card["updatedAt"]


def test_what_children_are_told_is_private_and_gone_in_the_end(
    state: Path, rates: LiveRates
) -> None:
    """Rates: nobody else can change what is charged; nothing is left behind."""
    with running_up(state, **settings_of(rates)) as up:
        told = {worker.environ()["TOLLGATE_RATES_IN_FORCE"] for worker in workers(up)}
        assert len(told) == 1
        file = Path(told.pop())
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert up.stop() == 0
    assert not file.parent.exists()


def asked_to_read(up: Up, version: str) -> str:
    """Sends the parent SIGHUP for a version that its file has."""
    up.process.send_signal(signal.SIGHUP)
    return version


def are_others(found: list[psutil.Process], former: list[psutil.Process]) -> bool:
    return len(found) == len(former) and not set(found) & set(former)


async def call(up: Up, customer: Customer, delay_s: float = 0) -> Answer:
    """One complete answer."""
    async with aiohttp.ClientSession() as session:
        headers = knobs(delay_s=delay_s, output_tokens=10)
        answer = await ask(session, up.dev["base_url"], customer, question(), headers)
    assert answer.is_complete, answer
    return answer


async def is_held(books: Books, customer: Customer) -> bool:
    """Whether a call of the customer's is under way."""
    return await books.held_mc(customer.account_id) > 0


async def row_of(books: Books, answer: Answer) -> dict[str, Any]:
    """The usage row of an answer, which the writer writes a moment later."""
    rows: dict[str, dict[str, Any]] = {}

    async def is_written() -> bool:
        rows.update(await rows_of(books.database))
        return answer.request_id in rows

    await until_answered(is_written, f"{answer.request_id} is written")
    return rows[answer.request_id]


def history(up: Up) -> list[dict[str, Any]]:
    """The history of rates that operators see, the newest first."""
    token = up.dev["admin_token"]
    rows: list[dict[str, Any]] = up.api.expect("GET", "/admin/rate-versions", token=token)["data"]
    return rows
