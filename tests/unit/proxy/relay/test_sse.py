"""Server-sent events, split at any byte."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay import sse
from proxy.relay.sse import EventBuffer, EventTooLargeError, event_data, make_event, split_events
from tests.support.sse_reference import parse_events

LINE_ENDS = [b"\n", b"\r\n", b"\r"]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_an_event_is_whole_wherever_it_is_split(end: bytes) -> None:
    """An event comes out once, complete, for each way in which its bytes can come."""
    data = b"data: one" + end + end + b": two" + end + end
    for position in range(len(data) + 1):
        buffer = EventBuffer()
        passed = buffer.feed(data[:position]) + buffer.feed(data[position:])
        assert passed == data
        assert buffer.rest == b""


def test_what_is_not_whole_is_kept_back() -> None:
    """Nothing of an event passes before its end is there."""
    buffer = EventBuffer()
    assert buffer.feed(b"data: one\n\ndata: tw") == b"data: one\n\n"
    assert buffer.feed(b"o\n") == b""
    assert buffer.rest == b"data: two\n"
    assert buffer.feed(b"\n") == b"data: two\n\n"


@given(st.lists(st.sampled_from([b"data: a", b"data:", b":", b"id: 1", b"", b"x"])), st.data())
def test_no_byte_is_lost_or_moved(lines: list[bytes], data: st.DataObject) -> None:
    """What comes out, and what is kept, are together what went in; at any line ends."""
    end = st.sampled_from(LINE_ENDS)
    content = b"".join(line + data.draw(end) for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)))))
    buffer = EventBuffer()
    bounds = [0, *cuts, len(content)]
    passed = b"".join(buffer.feed(content[start:stop]) for start, stop in pairwise(bounds))
    assert passed + buffer.rest == content
    assert b"".join(split_events(passed)) == passed


@given(st.lists(st.lists(st.sampled_from(["", " ", "a", "data: b", ":"]), min_size=1)), st.data())
def test_data_is_read_as_the_standard_says(events: list[list[str]], data: st.DataObject) -> None:
    """Data lines are joined, one leading space is dropped, comments and other fields are none."""
    end = data.draw(st.sampled_from(LINE_ENDS))
    space = data.draw(st.sampled_from([b"", b" "]))
    content = b"".join(
        b"".join(b"data:" + space + line.encode() + end for line in event) + b": no" + end + end
        for event in events
    )
    found = [event_data(event).decode() for event in split_events(content)]
    assert found == [event for event in parse_events(content) if event is not None]


def test_mixed_line_ends_end_an_event() -> None:
    """LF and then CR LF is a blank line as well."""
    assert split_events(b"data: a\n\r\ndata: b\r\n\n") == [b"data: a\n\r\n", b"data: b\r\n\n"]
    assert EventBuffer().feed(b"data: a\n\r\ndata") == b"data: a\n\r\n"


def test_an_event_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No provider can fill the memory with one event."""
    monkeypatch.setattr(sse, "LARGEST_EVENT", 100)
    buffer = EventBuffer()
    assert buffer.feed(b"data: " + b"x" * 94) == b""
    with pytest.raises(EventTooLargeError):
        buffer.feed(b"x")


def test_an_event_is_made_of_its_data() -> None:
    """What is made can be read again."""
    assert event_data(make_event(b'{"a":1}')) == b'{"a":1}'
