"""A simple model of the ledger in plain Python: what it must say after whatever has happened.

It shares no code with what it is compared to. Where the ledger works lots out when somebody asks,
the model keeps every parcel of credits at all times; where Redis moves counters, it does so too.
"""

from dataclasses import dataclass, field

COUNTERS = {
    "grant": "expenses:promotion",
    "bonus": "expenses:promotion",
    "purchase": "assets:stripe",
    "refund": "assets:payments",
    "dispute": "expenses:disputes",
    "adjustment": "expenses:adjustments",
    "usage": "revenue:usage:gpt-4o-mini",
}


@dataclass
class Parcel:
    """Credits that expire on a day; the entry that brought them."""

    day: int
    sequence: int
    left: int
    is_bought: bool


@dataclass
class Line:
    """One entry, as it must stand in the ledger."""

    kind: str
    amount: int
    counter: str
    corrects: int | None = None


@dataclass
class Hold:
    """Credits that a call holds."""

    ceiling: int
    orphan: int


@dataclass
class Tombstone:
    """A hold that has ended, or an expiry, until it is acknowledged."""

    kind: str
    charge: int
    is_counted: bool = True


@dataclass
class Record:
    """What waits for the writer."""

    number: int
    kind: str
    account: int
    name: str
    charge: int
    taken: int
    is_held: bool = True
    parcel: int = 0


@dataclass
class Copy:
    """An account in Redis."""

    available: int
    held: int
    unwritten: int
    told: int


@dataclass
class Account:
    """An account in the ledger, and what Redis knows of it."""

    lines: list[Line] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    permanent: int = 0
    syncs: list[int] = field(default_factory=list)
    copy: Copy | None = None
    holds: dict[str, Hold] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)
    expired: dict[int, int] = field(default_factory=dict)

    @property
    def balance(self) -> int:
        return sum(line.amount for line in self.lines)

    def open_parcels(self) -> list[Parcel]:
        return sorted((p for p in self.parcels if p.left), key=lambda p: (p.day, p.sequence))

    def give(self, line: Line, day: int | None = None) -> None:
        self.lines.append(line)
        amount = line.amount
        if day is not None:
            debt = min(max(-self.permanent, 0), amount)
            self.permanent += debt
            bought = line.kind == "purchase"
            self.parcels.append(Parcel(day, len(self.lines), amount - debt, bought))
        else:
            self.permanent += amount

    def take(self, line: Line) -> None:
        self.lines.append(line)
        wanted = -line.amount
        own = [p for p in self.parcels if p.sequence == line.corrects]
        if line.corrects and not own and self.lines[line.corrects - 1].amount > 0:
            part = min(max(self.permanent, 0), wanted)
            self.permanent -= part
            wanted -= part
        for parcel in [*own, *self.open_parcels()]:
            part = min(parcel.left, wanted)
            parcel.left -= part
            wanted -= part
        self.permanent -= wanted

    def move(self, line: Line, day: int | None = None) -> None:
        if line.amount > 0:
            self.give(line, day)
        else:
            self.take(line)

    def may_correct(self, line: Line) -> bool:
        """Corrections can undo an entry, or double it, and not more."""
        old = self.lines[line.corrects - 1]
        if line.kind in ("refund", "dispute") and old.kind != "purchase":
            return False
        before = sum(x.amount for x in self.lines if x.corrects == line.corrects)
        if (line.amount > 0) == (old.amount > 0):
            return abs(before + line.amount) <= abs(old.amount) or (
                (before < 0) != (old.amount < 0)
                and before != 0
                and abs(line.amount) <= abs(old.amount) + abs(before)
            )
        rest = old.amount + before - self.expired.get(line.corrects, 0)
        after = rest + line.amount
        return after == 0 or (after > 0) == (old.amount > 0)


class Model:
    """Two accounts or more, the stream of records, and which of them are written."""

    def __init__(self, accounts: int) -> None:
        self.accounts = [Account() for _ in range(accounts)]
        self.stream: list[Record] = []
        self.number = 0
        self.last_written = 0
        self.rows: dict[str, dict[str, int]] = {}
        self.entry_of: dict[str, int] = {}
        self.expiries: set[str] = set()

    def post(self, place: int, line: Line, day: int | None = None) -> None:
        """An entry that Redis hears of by number."""
        self.accounts[place].move(line, day)
        self.accounts[place].syncs.append(line.amount)

    def tell(self, place: int) -> None:
        account = self.accounts[place]
        if account.copy is not None:
            account.copy.available += sum(account.syncs[account.copy.told :])
            account.copy.told = len(account.syncs)

    def lose(self, place: int) -> None:
        self.accounts[place].copy = None

    def rebuild(self, place: int) -> Copy:
        account = self.accounts[place]
        if account.copy is None:
            held = sum(hold.ceiling for hold in account.holds.values())
            unwritten = 0
            for name, tombstone in account.tombstones.items():
                if self.is_written(name, tombstone.kind):
                    tombstone.is_counted = False
                elif tombstone.is_counted:
                    unwritten += tombstone.charge
            available = account.balance - held - unwritten
            account.copy = Copy(available, held, unwritten, len(account.syncs))
        return account.copy

    def is_written(self, name: str, kind: str) -> bool:
        return name in self.expiries or kind in self.rows.get(name, {})

    def reserve(self, place: int, name: str, most: int, least: int, orphan: int) -> int | None:
        copy = self.rebuild(place)
        if copy.available < least:
            return None
        ceiling = min(copy.available, most)
        copy.available -= ceiling
        copy.held += ceiling
        self.accounts[place].holds[name] = Hold(ceiling, min(ceiling, orphan))
        return ceiling

    def settle(self, place: int, name: str, charge: int) -> None:
        account = self.accounts[place]
        tombstone = account.tombstones.get(name)
        if name in account.holds:
            self._end(place, name, "settled", charge)
        elif tombstone is None or tombstone.kind != "settled":
            self.file(Record(0, "settled", place, name, charge, 0, is_held=False))

    def sweep(self, place: int, name: str) -> None:
        if name in self.accounts[place].holds:
            self._end(place, name, "orphan", self.accounts[place].holds[name].orphan)

    def _end(self, place: int, name: str, kind: str, charge: int) -> None:
        account = self.accounts[place]
        ceiling = account.holds.pop(name).ceiling
        account.tombstones[name] = Tombstone(kind, charge)
        self.file(Record(0, kind, place, name, charge, charge, is_held=ceiling > 0))
        if account.copy is not None:
            account.copy.available += ceiling - charge
            account.copy.held -= ceiling
            account.copy.unwritten += charge

    def expire(self, today: int) -> list[list[Record]]:
        """Takes what is due, of each account in its order; the records are not filed yet."""
        return [self._expire(place, today) for place in range(len(self.accounts))]

    def _expire(self, place: int, today: int) -> list[Record]:
        account, records, before = self.accounts[place], [], 0
        for parcel in account.open_parcels():
            if parcel.day <= today:
                copy = self.rebuild(place)
                unused = min(parcel.left, before + parcel.left - copy.unwritten)
                taken = max(min(copy.available, unused), 0)
                if taken:
                    copy.available -= taken
                    copy.unwritten += taken
                    name = f"expiry {place} {self.number + 1} {len(records)}"
                    account.tombstones[name] = Tombstone("expiry", taken)
                    records.append(Record(0, "expiry", place, name, 0, taken))
                    records[-1].parcel = parcel.sequence
            before += parcel.left
        return records

    def file(self, record: Record) -> None:
        """Appends a record to the stream."""
        self.number += 1
        record.number = self.number
        self.stream.append(record)

    def commit(self, count: int) -> list[Record]:
        """A writer writes the oldest records, and says nothing to Redis.

        What it reads again and is without a hold looks like what a Redis that was set back has
        filed under an old number: then it takes the accounts for lost.
        """
        records = self.stream[:count]
        if any(one.number <= self.last_written and not one.is_held for one in records):
            for account in self.accounts:
                account.copy = None
        for record in records:
            self.last_written = max(self.last_written, record.number)
            if record.kind == "expiry":
                self._write_expiry(record)
            else:
                self._write_usage(record)
        return records

    def _write_expiry(self, record: Record) -> None:
        if record.name in self.expiries:
            return
        self.expiries.add(record.name)
        account = self.accounts[record.account]
        [parcel] = [p for p in account.parcels if p.sequence == record.parcel]
        gone = min(record.taken, parcel.left)
        if gone:
            parcel.left -= gone
            counter = "revenue:expired" if parcel.is_bought else "expenses:promotion"
            account.lines.append(Line("expiry", -gone, counter))
            account.expired[record.parcel] = account.expired.get(record.parcel, 0) + gone
        if record.taken != gone:
            account.syncs.append(record.taken - gone)

    def _write_usage(self, record: Record) -> None:
        rows = self.rows.setdefault(record.name, {})
        if record.kind in rows:
            return
        account = self.accounts[record.account]
        kind, owed, corrects = "usage", record.charge, None
        if rows:
            kind = "adjustment"
            owed = 0 if record.kind == "orphan" else record.charge - rows["orphan"]
            corrects = self.entry_of.get(record.name)
        rows[record.kind] = record.charge
        if owed:
            account.move(Line(kind, -owed, COUNTERS["usage"], corrects))
            if record.kind == "orphan":
                self.entry_of[record.name] = len(account.lines)
        if record.taken != owed:
            account.syncs.append(record.taken - owed)

    def acknowledge(self, records: list[Record]) -> None:
        for record in records:
            if record in self.stream:
                self.stream.remove(record)
            account = self.accounts[record.account]
            tombstone = account.tombstones.get(record.name)
            if tombstone is not None and tombstone.kind == record.kind:
                del account.tombstones[record.name]
                if tombstone.is_counted and account.copy is not None:
                    account.copy.unwritten -= tombstone.charge

    def write(self) -> None:
        """A writer drains the stream; it tells Redis of what it has numbered."""
        before = [len(account.syncs) for account in self.accounts]
        self.acknowledge(self.commit(len(self.stream)))
        for place, account in enumerate(self.accounts):
            if len(account.syncs) > before[place]:
                self.tell(place)
