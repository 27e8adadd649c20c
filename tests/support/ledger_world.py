"""The ledger on real engines and its model, side by side: each thing is done to both.

What the engines answer on the way (how much was held, whether a posting was refused) is compared
at once; the ledger, the lots and Redis as often as the machine asks.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from ledger.database import acquired, transaction
from ledger.entries import post_within
from ledger.errors import NotEnoughCreditsError
from ledger.expirer import Expirer
from ledger.holds import ReserveRequest
from ledger.ids import new_id
from ledger.lot_store import read_lots
from ledger.posting import BadAmountError, BadPostingError, Posting
from ledger.stream_entry import StreamEntry
from ledger.writer import Writer
from tests.support.books import Books, Customer, call_of
from tests.support.ledger_model import COUNTERS, Line, Model, Record
from tests.support.records import truth_of

# Far ahead, so that days pass when the machine says so.
FIRST_DAY = datetime.now(UTC).replace(microsecond=0) + timedelta(days=365)


@dataclass
class Call:
    """A call that holds credits, or has."""

    place: int
    worker: int
    request: ReserveRequest
    truth_mc: int
    is_ended: bool = False
    is_dead: bool = False


@dataclass
class LedgerWorld:
    """Two accounts of one partition."""

    books: Books
    model: Model
    customers: list[Customer]
    calls: list[Call] = field(default_factory=list)
    posted: list[tuple[Posting, str]] = field(default_factory=list)
    old_acknowledgements: list[tuple[list[StreamEntry], list[Record]]] = field(default_factory=list)
    today: int = 0

    @classmethod
    async def begin(cls, books: Books) -> "LedgerWorld":
        """An empty Redis, and no lots but ours."""
        await books.redis.flushall()
        await books.execute("update stream_positions set last_number = 0, epoch = 0")
        await books.execute("update credit_lots set remaining_mc = 0")
        ada = await books.customer()
        bob = await books.customer(partition=ada.partition)
        model = Model(2)
        for account in model.accounts:
            account.syncs.append(0)  # the key's
        for place in (0, 1):
            model.rebuild(place)
        return cls(books, model, [ada, bob])

    async def post(self, place: int, line: Line, day: int | None = None) -> bool:
        """One entry; whether it could be posted."""
        account = self.model.accounts[place]
        corrects = None
        if line.corrects is not None:
            corrects = await self._entry_id(place, line.corrects)
        posting = self._posting(place, line, day, corrects)
        is_allowed = line.corrects is None or account.may_correct(line)
        try:
            posted = await self.books.entries.post(posting)
        except (BadAmountError, BadPostingError):
            assert not is_allowed, f"{line} was refused"
            return False
        assert is_allowed, f"{line} was not refused"
        self.model.post(place, line, day)
        self.posted.append((posting, posted.entry.entry_id))
        return True

    async def purchase(self, place: int, amount_mc: int, bonus_mc: int, day: int | None) -> None:
        """A purchase and its bonus, which expires, in one transaction of the caller's own."""
        lines = [(Line("purchase", amount_mc, COUNTERS["purchase"]), day)]
        lines.append((Line("bonus", bonus_mc, COUNTERS["bonus"]), self.today + 2))
        postings = [self._posting(place, line, until) for line, until in lines]
        async with transaction(self.books.pool) as connection:
            posted = await post_within(connection, postings)
        assert len({one.entry.transaction_id for one in posted}) == 1
        for line, until in lines:
            self.model.post(place, line, until)

    async def post_again(self, pick: int) -> None:
        """The same key and the same body: the same entry."""
        posting, entry_id = self.posted[pick % len(self.posted)]
        again = await self.books.entries.post(posting)
        assert (again.entry.entry_id, again.is_new) == (entry_id, False)

    def _posting(
        self, place: int, line: Line, day: int | None, corrects: str | None = None
    ) -> Posting:
        return Posting(
            account_id=self.customers[place].account_id,
            entry_type=line.kind,
            amount_mc=line.amount,
            description="Of the machine",
            idempotency_key=new_id(),
            actor="tests",
            counter_account=line.counter if line.kind == "purchase" else None,
            corrects=corrects,
            expires_at=None if day is None else FIRST_DAY + timedelta(days=day),
        )

    async def _entry_id(self, place: int, sequence: int) -> str:
        query = "select id from ledger_entries where account_id = $1 and sequence = $2"
        return str(await self.books.value(query, self.customers[place].account_id, sequence))

    async def tell(self, place: int) -> None:
        await self.books.working_copy.apply_syncs(self.customers[place].account_id)
        self.model.tell(place)

    async def lose(self, place: int) -> None:
        await self.books.lose_account(self.customers[place])
        self.model.lose(place)

    async def rebuild(self, place: int) -> None:
        await self.books.working_copy.ensure(self.customers[place].account_id)
        self.model.rebuild(place)

    async def reserve(self, place: int, worker: int, most: int, least: int, truth: int) -> None:
        """A new call, which will really use `truth` hundredths of the most."""
        request = call_of(self.customers[place], most, least)
        held_mc = self.model.reserve(
            place, request.request_id, most, least, request.orphan.charge_mc
        )
        try:
            assert await self.books.holds.reserve(request) == held_mc
        except NotEnoughCreditsError:
            assert held_mc is None
            return
        self.calls.append(Call(place, worker, request, most * truth // 100))

    async def settle(self, call: Call) -> None:
        await self.books.holds.settle(truth_of(call.request.orphan, call.truth_mc))
        self.model.settle(call.place, call.request.request_id, call.truth_mc)
        call.is_ended = True

    async def sweep(self, call: Call) -> None:
        await self.books.sweep(call.request)
        self.model.sweep(call.place, call.request.request_id)

    async def expire(self) -> None:
        """Accounts expire at the same time: the order of their records is as it happens to be."""
        partition = self.customers[0].partition
        before = len(await self.books.stream.read(partition, 1000))
        await self.books.expirer.expire(FIRST_DAY + timedelta(days=self.today))
        ids = [customer.account_id for customer in self.customers]
        records = self.model.expire(self.today)
        for entry in (await self.books.stream.read(partition, 1000))[before:]:
            record = records[ids.index(entry.account_id)].pop(0)
            assert entry.taken_mc == record.taken
            self.model.file(record)
        assert not any(records)

    async def write(self) -> None:
        await self.books.write(self.customers[0])
        self.model.write()

    async def commit(self, count: int) -> None:
        """A writer commits, and is not heard of for a while, or for ever."""
        partition = self.customers[0].partition
        entries = await self.books.stream.read(partition, count)
        if entries:
            await self.books.writer._commit(partition, entries)
            self.old_acknowledgements.append((entries, self.model.commit(count)))

    async def acknowledge(self, pick: int) -> None:
        entries, records = self.old_acknowledgements.pop(pick % len(self.old_acknowledgements))
        await self.books.stream.acknowledge(self.customers[0].partition, entries)
        self.model.acknowledge(records)

    def restart_writer(self) -> None:
        """A new process takes over; it remembers nothing."""
        books = self.books
        books.writer = Writer(books.stream, books.pool, books.working_copy)
        books.expirer = Expirer(books.pipeline, books.pool, books.working_copy)
        self.old_acknowledgements.clear()

    async def check_balances(self) -> None:
        """The ledger's balances and lots, and Redis, are the model's."""
        ids = [customer.account_id for customer in self.customers]
        async with acquired(self.books.pool) as connection:
            rows = await connection.fetch(
                "select id, balance_mc from accounts where id = any($1::uuid[])", ids
            )
            lots = await read_lots(connection, ids)
        balances_mc = {str(row["id"]): row["balance_mc"] for row in rows}
        for customer, account in zip(self.customers, self.model.accounts, strict=True):
            assert balances_mc[customer.account_id] == account.balance
            left = [lot.remaining_mc for lot in lots[customer.account_id] if lot.remaining_mc]
            assert left == [parcel.left for parcel in account.open_parcels()]
            in_lots_mc = sum(parcel.left for parcel in account.parcels)
            assert account.permanent + in_lots_mc == account.balance
            there, copy = await self.books.in_redis(customer), account.copy
            if copy is None:
                assert there is None
            else:
                assert there is not None
                expected = (copy.available, copy.held, copy.unwritten)
                assert msgspec.structs.astuple(there) == expected

    async def check_chains(self) -> None:
        """Every entry is the model's, each begins where the one before ended, all postings sum
        to zero.
        """
        for customer, account in zip(self.customers, self.model.accounts, strict=True):
            rows = await self.books.rows(
                "select entry.*, corrected.sequence as corrects from ledger_entries as entry"
                " left join ledger_entries as corrected on corrected.id = entry.corrects_entry_id"
                " where entry.account_id = $1 order by entry.sequence",
                customer.account_id,
            )
            expected, balance_mc = [], 0
            for number, line in enumerate(account.lines, 1):
                after_mc = balance_mc + line.amount
                expected.append(
                    (
                        *(number, line.kind, line.amount, balance_mc, after_mc),
                        *(line.counter, line.corrects),
                    )
                )
                balance_mc = after_mc
            names = ("sequence", "entry_type", "amount_mc", "balance_before_mc")
            names += ("balance_after_mc", "counter_account", "corrects")
            assert [tuple(row[name] for name in names) for row in rows] == expected
            unbalanced = await self.books.value(
                "select count(*) from (select transaction_id from postings"
                " where transaction_id in (select transaction_id from ledger_entries"
                " where account_id = $1) group by 1 having sum(amount_mc) <> 0) as off",
                customer.account_id,
            )
            assert unbalanced == 0

    async def come_to_rest(self) -> None:
        """Ends all calls, writes all, tells all; then Redis is the ledger."""
        for call in self.calls:
            await self.sweep(call)
            if not call.is_dead and not call.is_ended:
                await self.settle(call)
        await self.write()
        for place, customer in enumerate(self.customers):
            await self.rebuild(place)
            await self.tell(place)
            await self.books.assert_at_rest(customer)
