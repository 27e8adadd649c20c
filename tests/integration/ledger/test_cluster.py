"""The verbs on a Redis Cluster, which refuses a script that reaches for a key of another slot."""

from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from deploy.local.engine import Launch
from deploy.local.valkey import LocalValkey
from ledger.ids import PARTITIONS
from ledger.rebuilding import Rebuilder
from ledger.redis_keys import account_keys
from tests.support.books import Books, open_books
from tests.support.engines import reachable_folder
from tests.support.ports import OwnPort
from tests.support.records import truth_of
from tests.support.waiting import PATIENT, until_answered


class ClusterNode(LocalValkey):
    """A Valkey that is a cluster of one, with all slots."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir)
        self._port, self._bus_port = OwnPort(), OwnPort()

    def _command(self, launch: Launch) -> Sequence[str | Path]:
        command = [*super()._command(launch), "--cluster-enabled", "yes"]
        command += ["--bind", "127.0.0.1", "--port", str(self._port.number)]
        return [*command, "--cluster-port", str(self._bus_port.number)]

    def stop(self) -> None:
        super().stop()
        self._port.close()
        self._bus_port.close()


@pytest.fixture
def node() -> Iterator[ClusterNode]:
    with reachable_folder() as folder:
        running = ClusterNode(folder)
        running.start()
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
async def cluster_books(database_url: str, node: ClusterNode) -> AsyncIterator[Books]:
    async with Redis.from_url(node.url, **PATIENT) as client:
        await client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)

        async def is_ready() -> bool:
            return b"cluster_state:ok" in await client.execute_command("CLUSTER", "INFO")

        await until_answered(is_ready, "the cluster is ready")
    async with open_books(database_url, node.url) as opened:
        yield opened


async def test_every_verb_stays_within_the_slot_of_the_keys_that_it_was_given(
    cluster_books: Books,
) -> None:
    """Section 5: the same scripts run on Redis Cluster: keys are declared, and of one slot."""
    books = cluster_books
    ada = await books.customer(1_000)
    bob = await books.customer(1_000, ada.partition)
    requests = [await books.held(customer, 100) for customer in (ada, ada, ada, bob)]
    settled, swept, lost, others = requests
    members = [f"{ada.account_id}/{swept.request_id}", f"{bob.account_id}/{others.request_id}"]
    await books.holds.renew(ada.partition, members)
    for _ in range(2):
        await books.holds.settle(truth_of(settled.orphan, 10), undelivered=True)
    assert await books.sweep(swept)
    await books.holds.settle(truth_of(swept.orphan, 20))
    await books.lose_account(ada)
    await books.holds.settle(truth_of(lost.orphan, 30))
    await books.working_copy.ensure(ada.account_id)
    await books.post(ada.account_id, 50, tell=True)
    await books.holds.settle(truth_of(others.orphan, 40))
    assert await books.write(ada) == 7
    for customer in (ada, bob):
        await books.assert_at_rest(customer)
    assert await books.balance_mc(ada) == 1_000 - 60 + 50


async def test_a_script_that_reached_for_another_slot_would_be_refused(
    cluster_books: Books,
) -> None:
    """What the test above relies on."""
    keys = [f"{{p{number:02d}}}:account:x" for number in range(PARTITIONS)]
    assert account_keys("x").account in keys
    with pytest.raises(Exception, match="slot"):
        await cluster_books.redis.eval(
            "#!lua\nredis.call('GET', ARGV[1]); return redis.call('GET', KEYS[1])",
            *(1, keys[0], keys[1]),
        )


async def test_reconciling_and_rebuilding_stay_within_the_slot(cluster_books: Books) -> None:
    """Section 5: as every verb."""
    books = cluster_books
    ada = await books.customer(1_000)
    await books.held(ada, 100)
    rebuilder = Rebuilder(books.pipeline, books.pool, books.working_copy, ttl_s=60)
    rebuilt = await rebuilder.rebuild(ada.account_id)
    assert (rebuilt.found, rebuilt.left, rebuilt.after.available) == ((), (), "900")
