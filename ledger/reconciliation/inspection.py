"""What Redis has of an account, as `inspect.lua` tells it. Pure."""

import re
from collections.abc import Sequence

import msgspec

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_HEADER = 6
_FIELDS_OF_A_THING = 6


class Hold(msgspec.Struct, frozen=True):
    """Credits on hold for a call; `deadline_ms` (since 1970) is None where it has none."""

    request_id: str
    ceiling_mc: int
    deadline_ms: int | None


class Tombstone(msgspec.Struct, frozen=True):
    """A hold that has ended; `is_written` where a rebuild knew that Postgres has it."""

    request_id: str
    kind: str
    charge_mc: int
    number: int
    is_written: bool


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """An account in Redis in one moment; texts are as Redis has them, '' where it has none."""

    now_ms: int
    available: str
    held: str
    unwritten: str
    sync: str
    written_number: int
    holds: tuple[Hold, ...]
    tombstones: tuple[Tombstone, ...]
    lone_deadlines: tuple[str, ...]
    unreadable: tuple[str, ...]

    @property
    def is_there(self) -> bool:
        """Whether Redis has the account; one that it has lost is rebuilt when it is needed."""
        return any((self.available, self.held, self.unwritten, self.sync))

    @property
    def request_ids(self) -> list[str]:
        """All requests that something is filed of."""
        held = [hold.request_id for hold in self.holds]
        return held + [tombstone.request_id for tombstone in self.tombstones]


class LedgerSide(msgspec.Struct, frozen=True, kw_only=True):
    """What Postgres has of an account in that moment; amounts in millicredits.

    `unapplied_mc` is the sum of the syncs that Redis has not come to, `unapplied_number` the first
    of them, `unapplied_age_s` how old it is. `written` are settlements (request id, kind) with
    their charges, `rejected` the numbers of records that could not be written.
    """

    balance_mc: int
    last_sync_number: int
    unapplied_mc: int = 0
    unapplied_number: int = 0
    unapplied_age_s: int = 0
    written: dict[tuple[str, str], int] = {}
    rejected: frozenset[int] = frozenset()

    def has_written(self, tombstone: Tombstone) -> bool:
        """Whether Postgres has what this tombstone stands for."""
        return (tombstone.request_id, tombstone.kind) in self.written


def read_inspection(reply: Sequence[bytes]) -> Inspection:
    """The script's reply, typed."""
    texts = [value.decode(errors="replace") for value in reply]
    now_ms, available, held, unwritten, sync, written_number = texts[:_HEADER]
    holds, tombstones, lone, unreadable = [], [], [], []
    for start in range(_HEADER, len(texts), _FIELDS_OF_A_THING):
        request_id, state, amount, kind, number, deadline = texts[start : start + 6]
        if state == "H":
            holds.append(Hold(request_id, int(amount), _milliseconds(deadline)))
        elif state == "D":
            lone.append(request_id)
        elif state == "?":
            unreadable.append(request_id)
        else:
            is_written = state == "W"
            tombstones.append(Tombstone(request_id, kind, int(amount), int(number), is_written))
    return Inspection(
        now_ms=int(now_ms),
        available=available,
        held=held,
        unwritten=unwritten,
        sync=sync,
        written_number=int(written_number),
        holds=tuple(holds),
        tombstones=tuple(tombstones),
        lone_deadlines=tuple(lone),
        unreadable=tuple(unreadable),
    )


def whole_number(text: str) -> int | None:
    """A number as Redis counts, if a text is one."""
    return int(text) if _WHOLE_NUMBER.fullmatch(text) else None


def _milliseconds(score: str) -> int | None:
    if not score:
        return None
    whole = float(score)  # a score can be written as 1.77e12, or be inf
    return int(whole) if abs(whole) < 2**62 else (2**62 if whole > 0 else -(2**62))
