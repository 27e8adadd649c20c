"""One entry of a settlement stream, as the scripts file it."""

import msgspec

UNDELIVERED = "undelivered"
EXPIRY = "expiry"


class StreamEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A filed record. `kind` is settled, orphan, undelivered or expiry; of a rejected one the
    tombstone stays when it is acknowledged.
    """

    number: int
    kind: str
    account_id: str
    request_id: str
    taken_mc: int
    held_mc: int
    record: bytes
    is_rejected: bool = False


def read_entry(entry_id: bytes, fields: dict[bytes, bytes]) -> StreamEntry:
    """An entry as Redis gives it."""
    return StreamEntry(
        number=int(entry_id.partition(b"-")[0]),
        kind=fields[b"kind"].decode(),
        account_id=fields[b"account"].decode(),
        request_id=fields[b"request"].decode(),
        taken_mc=int(fields[b"taken"]),
        held_mc=int(fields[b"held"]),
        record=fields[b"record"],
    )
