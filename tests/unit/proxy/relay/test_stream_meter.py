"""A passing stream: what is found in it, what is withheld, what never passes."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.usage import Usage
from proxy.relay.stream_meter import StreamMeter
from tests.support.odd_upstream import delta, event, usage
from tests.support.sse_reference import parse_events

CHARGE_MC = 12_345
DONE = event(b"[DONE]")
FINISH = event(delta(None, "stop"))
USAGE = event({"choices": [], "usage": usage(10, 5)})
CHARGED = {"credits_charged": 12.345, "credits_charged_millicredits": "12345"}
TRICKY = [
    "Hello",
    "[DONE]",
    "data: [DONE]\n\n",
    '"usage": {"prompt_tokens": 1}',
    '{"error": {}}',
    '"finish_reason": "stop"',
    "\r\n\r\n",
    "\u2028 é 😀",
    "",
]
SAMPLE = b"".join(
    [
        event(delta("", role="assistant")),
        b": keep-alive\n\n",
        event(delta("Hello", usage=None)),
        event(delta('"usage":{"a":1} [DONE] "error"')),
        event(delta(" there")),
        FINISH,
        USAGE,
        DONE,
    ]
)


def through(meter: StreamMeter, *blocks: bytes) -> bytes:
    """All that a client gets, the ending included, if there is one."""
    passed = b"".join(meter.feed(block) for block in blocks) + meter.end()
    return passed + meter.ending(CHARGE_MC)


def decoded(content: bytes) -> list[Any]:
    """The events that a client sees: JSON decoded, others as text, comments left out."""
    seen = [data for data in parse_events(content) if data is not None]
    return [json.loads(data) if data.startswith("{") else data for data in seen]


def expected(content: bytes, *, wants_usage: bool) -> list[Any]:
    """What a client should see of a well-formed stream that has its usage before `[DONE]`."""
    seen: list[Any] = []
    for data in decoded(content):
        if data == "[DONE]" or (data and data.get("error")):
            return [*seen, data]
        if data and data.get("usage") and not data["choices"]:
            if wants_usage:
                seen.append({**data, "usage": {**data["usage"], **CHARGED}})
            continue
        seen.append(data)
    return seen


@pytest.mark.parametrize("wants_usage", [False, True])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_reads_the_same_wherever_it_is_split(end: bytes, *, wants_usage: bool) -> None:
    """Relay: usage and end are found for each way in which the bytes can come."""
    content = SAMPLE.replace(b"\n", end)
    for position in range(len(content) + 1):
        meter = StreamMeter(wants_usage=wants_usage)
        seen = through(meter, content[:position], content[position:])
        assert decoded(seen) == expected(content, wants_usage=wants_usage)
        assert meter.usage == Usage(input_tokens=10, output_tokens=5)
        assert meter.transcript.texts() == ['Hello"usage":{"a":1} [DONE] "error" there']
        assert meter.is_complete


said = st.sampled_from(TRICKY) | st.text(max_size=20)
chunks = st.one_of(
    st.builds(delta, said),
    st.builds(delta, said, usage=st.none()),
    st.builds(lambda text: delta(text, error=None), said),
)
events = st.one_of(
    chunks.map(event),
    chunks.map(
        lambda fields: event(json.dumps(fields, indent=1).replace("\n", "\ndata:").encode())
    ),
    st.just(b": ping\n\n"),
    st.just(b"event: message\nid: 7\ndata: {}\n\n"),
    st.just(b"data:\n\n"),
)


@given(
    st.lists(events, max_size=8),
    st.sampled_from([FINISH + USAGE, FINISH + USAGE + b": ping\n\n", FINISH, b""]),
    st.sampled_from(
        [DONE, b"data:[DONE]\n\n", b"event: end\ndata: [DONE]\n\n", event({"error": {"a": 1}})]
    ),
    st.sampled_from([b"", DONE, event(delta("late")), b"junk"]),
    st.data(),
)
def test_a_client_sees_what_the_reference_says(
    content: list[bytes], finish: bytes, end: bytes, junk: bytes, data: st.DataObject
) -> None:
    """Relay: against a slow reader, at any split, with any line ends; nothing after the end."""
    wants_usage = data.draw(st.booleans())
    line_end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    whole = (b"".join(content) + finish + end + junk).replace(b"\n", line_end)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    meter = StreamMeter(wants_usage=wants_usage)
    bounds = [0, *cuts, len(whole)]
    seen = through(meter, *(whole[a:b] for a, b in pairwise(bounds)))
    assert decoded(seen) == expected(whole, wants_usage=wants_usage)
    assert meter.has_ended
    assert (meter.usage is not None) == (USAGE in finish)


def test_what_needs_no_look_passes_as_it_came() -> None:
    """Relay: bytes are not written anew, not even their spaces."""
    odd = b'event:x\ndata:  { "choices" : [ ] , "a":1.0 }\r\n\r\n: c\n\n'
    meter = StreamMeter(wants_usage=False)
    assert through(meter, odd + SAMPLE) == odd + SAMPLE.replace(USAGE, b"")


def test_the_end_waits_for_the_settlement() -> None:
    """G3: neither `[DONE]` nor the usage that goes before it passes before `ending`."""
    meter = StreamMeter(wants_usage=True)
    assert meter.feed(SAMPLE).endswith(FINISH)
    assert decoded(meter.ending(CHARGE_MC)) == [
        {"choices": [], "usage": {**usage(10, 5), **CHARGED}},
        "[DONE]",
    ]


def test_a_usage_chunk_that_is_not_the_last_waits_no_longer() -> None:
    """Relay: usage in every chunk passes; the last one has the charge, and is what counts."""
    running = [event(delta("a", usage=usage(10, number))) for number in range(3)]
    last = event(delta(None, "stop", usage=usage(10, 3)))
    meter = StreamMeter(wants_usage=True)
    seen = decoded(through(meter, *running, last, DONE))
    assert [("credits_charged" in chunk["usage"]) for chunk in seen[:-1]] == [False] * 3 + [True]
    assert meter.usage == Usage(input_tokens=10, output_tokens=3)


def test_usage_that_nobody_asked_for_stays_where_it_has_a_choice() -> None:
    """Relay: only the chunk that we have asked for is taken out."""
    last = event(delta(None, "stop", usage=usage(10, 3)))
    meter = StreamMeter(wants_usage=False)
    assert through(meter, last, USAGE, DONE) == last + DONE
    assert meter.usage == Usage(input_tokens=10, output_tokens=5)


def test_a_comment_does_not_let_the_usage_pass_early() -> None:
    """G3: a keep-alive between usage and end changes nothing."""
    meter = StreamMeter(wants_usage=True)
    assert meter.feed(FINISH + USAGE + b": ping\n\n") == FINISH
    assert decoded(through(meter, DONE))[0]["usage"]["credits_charged_millicredits"] == "12345"


@pytest.mark.parametrize("tail", [b"", b"\n", b"\r\n", b"\n\n"])
def test_a_last_event_may_lack_its_blank_line(tail: bytes) -> None:
    """Relay: some providers end with the connection; a whole event is an event."""
    meter = StreamMeter(wants_usage=False)
    seen = through(meter, event(delta("a", "stop")) + b"data: [DONE]" + tail)
    assert decoded(seen)[-1] == "[DONE]"
    assert meter.is_complete


@pytest.mark.parametrize(
    ("content", "choices", "is_complete"),
    [
        (FINISH, 1, True),
        (FINISH + USAGE, 1, True),
        (FINISH[:-2], 1, True),
        (event(delta("a")), 1, False),
        (event(delta("a")) + DONE, 1, True),
        (FINISH + FINISH[:-10], 1, False),
        (FINISH, 2, False),
        (FINISH + FINISH, 2, True),
        (event(delta(None, "stop", error={"message": "x"})), 1, False),
        (event({"error": {"message": "x"}}) + DONE, 1, False),
        (b"", 1, False),
        (b": ping\n\n", 1, False),
        (b"data: [DO", 1, False),
    ],
)
def test_a_stream_is_complete_once_every_choice_is(
    content: bytes, choices: int, *, is_complete: bool
) -> None:
    """Relay: a provider may leave out `[DONE]`, but not the end of a choice."""
    meter = StreamMeter(wants_usage=False, choices=choices)
    through(meter, content)
    assert meter.is_complete is is_complete


def test_an_error_ends_the_stream() -> None:
    """Relay: an error passes with what was said before it, and nothing behind it does."""
    broken = event({"error": {"message": "overloaded", "type": "server_error"}})
    meter = StreamMeter(wants_usage=True)
    said_so_far = event(delta("Hel"))
    assert meter.feed(said_so_far + broken + event(delta("lo")) + DONE) == said_so_far
    assert meter.ending(CHARGE_MC) == broken
    assert meter.transcript.texts() == ["Hel"]


@pytest.mark.parametrize(
    "bad",
    [
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 1},
        {"prompt_tokens": "1", "completion_tokens": "1"},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": 10**15, "completion_tokens": 1},
        {},
        None,
    ],
)
def test_usage_that_makes_no_sense_is_none(bad: object) -> None:
    """Relay: what was not counted by the provider is counted here."""
    meter = StreamMeter(wants_usage=True)
    through(meter, event(delta("a", "stop")) + event({"choices": [], "usage": bad}) + DONE)
    assert meter.usage is None


def test_each_choice_is_transcribed_by_itself() -> None:
    """Counting: tokens do not run together where choices alternate."""

    def of(index: int, **said: object) -> bytes:
        return event({"choices": [{"index": index, "delta": said}]})

    call = {"index": 0, "function": {"name": "look", "arguments": '{"a"'}}
    more = {"index": 0, "function": {"arguments": ":1}"}}
    meter = StreamMeter(wants_usage=False, choices=2)
    meter.feed(of(0, content="A") + of(1, content="B") + of(0, content="a") + of(1, content="b"))
    meter.feed(of(0, tool_calls=[call]) + of(0, tool_calls=[more]) + of(1, refusal="no"))
    assert meter.transcript.texts() == ['Aalook{"a":1}', "Bbno"]


@pytest.mark.parametrize(
    ("said_oddly", "text"),
    [
        (b'{"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"Hi"}]}}]}', "Hi"),
        (b'{"choices":[{"index":null,"delta":{"content":"Hi"},"logprobs":NaN}]}', "Hi"),
        (b'{"choices":[{"index":0,"delta":{"content":"Hi \\ud83d"}}]}', "Hi \ud83d"),
        (b'{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":{"a":"Hi"}}}]}}]}', "Hi"),
        (
            b'{"choices":[null,{"delta":{"role":"assistant","thinking":{"text":"Hi"},"content":1}}]}',
            "Hi",
        ),
    ],
)
def test_what_is_said_unusually_is_transcribed_too(said_oddly: bytes, text: str) -> None:
    """Counting: no shape of an answer makes it free."""
    meter = StreamMeter(wants_usage=False)
    meter.feed(event(said_oddly))
    assert meter.transcript.texts() == [text]


def test_a_long_stream_is_remembered_as_its_texts() -> None:
    """Counting: what is kept of a stream is what was said, not every byte of it."""
    meter = StreamMeter(wants_usage=False)
    for _ in range(5000):
        meter.feed(event(delta("word ", padding="x" * 200)))
    assert meter.transcript.texts() == ["word " * 5000]
    assert meter.transcript.has_content
