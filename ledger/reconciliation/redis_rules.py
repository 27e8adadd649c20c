"""What must be true of an account in Redis, given what the ledger has in that moment. Pure."""

from collections.abc import Iterator
from uuid import UUID

import msgspec

from ledger.reconciliation.difference import Difference, Unit
from ledger.reconciliation.inspection import Hold, Inspection, LedgerSide, whole_number
from ledger.reconciliation.loose_ids import as_uuid

NAME = "redis"
LONGEST_UNAPPLIED_S = 60
SLACK_MS = 30_000
_SECOND_MS = 1000


class Clock(msgspec.Struct, frozen=True, kw_only=True):
    """How long holds may live, and since when this Redis runs; milliseconds, the latter from 1970.

    A Redis that has come back is not swept at once: workers must be able to renew their holds.
    """

    ttl_ms: int
    started_ms: int

    @property
    def longest_overdue_ms(self) -> int:
        """After that, nobody sweeps."""
        return self.ttl_ms + SLACK_MS

    def is_recovering(self, request_id: str, now_ms: int) -> bool:
        """Whether a call of before Redis' start may still wait for the sweeper."""
        if now_ms - self.started_ms > self.ttl_ms + self.longest_overdue_ms:
            return False
        made_ms = _made_ms(request_id)
        return made_ms is not None and made_ms < self.started_ms


class _Finder:
    """Makes differences of one account."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id

    def amount(
        self, what: str, expected_mc: int, actual_mc: int, reference: str = ""
    ) -> Difference:
        return self._make(what, str(expected_mc), str(actual_mc), reference, "millicredits")

    def text(self, what: str, expected: str, actual: str, reference: str = "") -> Difference:
        return self._make(what, expected, actual, reference, "")

    def _make(
        self, what: str, expected: str, actual: str, reference: str, unit: Unit
    ) -> Difference:
        return Difference(
            check=NAME,
            account_id=self._account_id,
            what=what,
            expected=expected,
            actual=actual,
            reference=reference,
            unit=unit,
        )


def differences(account_id: str, redis: Inspection, ledger: LedgerSide) -> Iterator[Difference]:
    """What is wrong in this moment, whatever calls are under way."""
    find = _Finder(account_id)
    if redis.is_there:
        yield from _balances(find, redis, ledger)
    for hold in redis.holds:
        reference = f"request {hold.request_id}"
        if hold.deadline_ms is None:
            yield find.text("deadline of a hold", "a deadline", "none", reference)
        charge_mc = _charged_mc(hold, ledger)
        if charge_mc:
            yield find.amount("hold of a call that is written", 0, hold.ceiling_mc, reference)
    for request_id in redis.lone_deadlines:
        yield find.text("deadline without a hold", "a hold", "none", f"request {request_id}")
    for request_id in redis.unreadable:
        reference = f"request {request_id}"
        yield find.text("what is filed of a call", "a hold or a tombstone", "unreadable", reference)
    yield from _lost_records(find, redis, ledger)


def timed_differences(
    account_id: str, redis: Inspection, ledger: LedgerSide, clock: Clock
) -> Iterator[Difference]:
    """What should have come to an end by now. Asked again in a moment, it may have."""
    find = _Finder(account_id)
    if redis.is_there and ledger.unapplied_age_s > LONGEST_UNAPPLIED_S:
        reference = f"sync {ledger.unapplied_number}"
        actual = f"waits for more than {LONGEST_UNAPPLIED_S} s"
        yield find.text("change that Redis was not told of", "applied", actual, reference)
    for hold in redis.holds:
        if hold.deadline_ms is None:
            continue
        reference = f"request {hold.request_id}"
        overdue_ms = redis.now_ms - hold.deadline_ms
        is_recovering = clock.is_recovering(hold.request_id, redis.now_ms)
        if overdue_ms > clock.longest_overdue_ms and not is_recovering:
            expected = f"settled within {clock.longest_overdue_ms // _SECOND_MS} s of its deadline"
            yield find.text("overdue hold", expected, "held", reference)
        if -overdue_ms > clock.ttl_ms + clock.longest_overdue_ms:
            expected = f"within {clock.ttl_ms // _SECOND_MS} s"
            actual = f"in {-overdue_ms // _SECOND_MS} s"
            yield find.text("deadline of a hold", expected, actual, reference)


def _balances(find: _Finder, redis: Inspection, ledger: LedgerSide) -> Iterator[Difference]:
    texts = {
        "available": redis.available,
        "held": redis.held,
        "unwritten": redis.unwritten,
        "sync": redis.sync,
    }
    numbers = {name: whole_number(text) for name, text in texts.items()}
    for name, number in numbers.items():
        if number is None:
            yield find.text(f"`{name}` in Redis", "a whole number", texts[name] or "none")
    available_mc, held_mc, unwritten_mc, sync = numbers.values()
    holds_mc = sum(hold.ceiling_mc for hold in redis.holds)
    if held_mc is not None and held_mc != holds_mc:
        yield find.amount("held in Redis", holds_mc, held_mc)
    tombstones_mc = sum(one.charge_mc for one in redis.tombstones if not one.is_written)
    if unwritten_mc is not None and unwritten_mc != tombstones_mc:
        yield find.amount("unwritten in Redis", tombstones_mc, unwritten_mc)
    if sync is not None and sync > ledger.last_sync_number:
        yield find.text("last sync in Redis", str(ledger.last_sync_number), str(sync))
    if available_mc is not None and sync is not None:
        expected_mc = _free_mc(redis, ledger) - holds_mc
        if available_mc != expected_mc:
            yield find.amount("available in Redis", expected_mc, available_mc)


def _free_mc(redis: Inspection, ledger: LedgerSide) -> int:
    """What no settlement has taken, in Redis' view: G9.

    Balance - unapplied syncs = available + held + taken and not yet written.
    """
    taken_mc = sum(
        one.charge_mc
        for one in redis.tombstones
        if not one.is_written and not ledger.has_written(one)
    )
    return ledger.balance_mc - ledger.unapplied_mc - taken_mc


def _lost_records(find: _Finder, redis: Inspection, ledger: LedgerSide) -> Iterator[Difference]:
    for one in redis.tombstones:
        is_acknowledged = one.number <= redis.written_number
        if not is_acknowledged or one.is_written or ledger.has_written(one):
            continue
        if one.number not in ledger.rejected:
            reference = f"request {one.request_id} {one.kind}"
            yield find.amount("charge that nobody will write", 0, one.charge_mc, reference)


def _charged_mc(hold: Hold, ledger: LedgerSide) -> int:
    """What Postgres has charged a call that is still on hold.

    Nothing, as a rule. A release can overtake its own reserve, where Redis did not answer it: that
    hold ends by its deadline, and gives back what it holds.
    """
    charges = [
        charge_mc for (name, _), charge_mc in ledger.written.items() if name == hold.request_id
    ]
    return max(charges, default=0)


def _made_ms(request_id: str) -> int | None:
    """When a request was made, by its id: UUIDv7."""
    found: UUID | None = as_uuid(request_id)
    return found.int >> 80 if found is not None and found.version == 7 else None
