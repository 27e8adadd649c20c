"""Server-sent events as bytes: splits what passes into whole events, without I/O."""

import re

LARGEST_EVENT = 16 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Line ends may be mixed; CR LF CR LF has LF CR LF at its end.
_BLANK_LINE = re.compile(rb"\n\r\n|\n\n|\r\r")
_DATA_LINE = re.compile(rb"^data:[ ]?(.*?)\r?$", re.MULTILINE)


class EventTooLargeError(Exception):
    """An event has no end within `LARGEST_EVENT` bytes."""


class EventBuffer:
    """Gives back what is whole of the bytes it was fed; keeps the rest."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        """All events that are complete by now, as they came.

        Raises:
            EventTooLargeError: nothing ends.
        """
        data = self._rest + data if self._rest else data
        end = _last_end(data)
        self._rest = data[end:]
        if len(self._rest) > LARGEST_EVENT:
            raise EventTooLargeError
        return data[:end]

    @property
    def rest(self) -> bytes:
        """What has come of an event that is not whole."""
        return self._rest


def split_events(data: bytes) -> list[bytes]:
    """Each event of `data`, with the blank line that ends it."""
    events = []
    start = 0
    for found in _BLANK_LINE.finditer(data):
        events.append(data[start : found.end()])
        start = found.end()
    if start < len(data):
        events.append(data[start:])
    return events


def event_data(event: bytes) -> bytes:
    """The data of one event: its `data:` lines, joined."""
    event = event.removeprefix(BYTE_ORDER_MARK)
    return b"\n".join(_DATA_LINE.findall(event.replace(b"\r\n", b"\n").replace(b"\r", b"\n")))


def make_event(data: bytes) -> bytes:
    """An event with one line of data."""
    return b"data: " + data + b"\n\n"


def _last_end(data: bytes) -> int:
    """Where the last complete event ends.

    A lone CR or CR LF at the end may be half of a line end: it is waited for.
    """
    ends = (
        (data.rfind(b"\n\n"), 2),
        (data.rfind(b"\n\r\n"), 3),
        (data.rfind(b"\r\r"), 2),
    )
    position, length = max(ends)
    return position + length if position >= 0 else 0
