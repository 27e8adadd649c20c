"""What an answer says of its usage and of its text, also where it is written unusually."""

import json

import msgspec
import pytest

from pricing.usage import Usage
from proxy.relay.answers import read_chunk
from proxy.relay.loose_json import is_json_object
from proxy.relay.reported_usage import read_usage, with_charge
from proxy.relay.transcript import Transcript
from tests.support.odd_upstream import completion, usage

TOLD = usage(10, 5)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (TOLD, Usage(10, 0, 5, 0)),
        ({**TOLD, "prompt_tokens_details": {"cached_tokens": 4}}, Usage(10, 4, 5, 0)),
        ({**TOLD, "prompt_tokens_details": {"cached_tokens": 40}}, Usage(10, 10, 5, 0)),
        ({**TOLD, "prompt_tokens_details": None}, Usage(10, 0, 5, 0)),
        ({**TOLD, "prompt_tokens_details": {"cached_tokens": None}}, Usage(10, 0, 5, 0)),
        ({**TOLD, "completion_tokens_details": {"reasoning_tokens": 3}}, Usage(10, 0, 5, 3)),
        ({**TOLD, "completion_tokens_details": {"reasoning_tokens": 30}}, Usage(10, 0, 5, 5)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage()),
    ],
)
def test_usage_is_read_as_it_is_told(told: dict[str, object], expected: Usage) -> None:
    """Units: parts of the input or output are never more than it."""
    assert read_usage(completion(usage=told)) == expected


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        5,
        {},
        {"prompt_tokens": 5},
        {"completion_tokens": 5},
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 1, "completion_tokens": True},
        {"prompt_tokens": 1, "completion_tokens": None},
        {"prompt_tokens": 10**13, "completion_tokens": 1},
        {**TOLD, "prompt_tokens_details": {"cached_tokens": -1}},
    ],
)
def test_usage_that_makes_no_sense_is_none(told: object) -> None:
    """Settle: what can't be believed is counted instead."""
    assert read_usage(completion(usage=told)) is None


@pytest.mark.parametrize(
    "data", [b"", b"[DONE]", b"{", b"[]", b"5", b'{"usage"}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_answer_says_nothing(data: bytes) -> None:
    """Relay: whatever comes, it is no error of ours."""
    assert read_usage(data) is None
    assert read_chunk(data) is None
    assert not is_json_object(data)


UNUSUAL = {
    "NaN": completion("Hi", usage=TOLD, logprob=float("nan")),
    "half a surrogate pair": completion("Hi \ud83d", usage=TOLD),
    "a huge number": completion("Hi", usage=TOLD).replace(b'"created": 1', b'"created": 1e999'),
    "a longer number": completion("Hi", usage=TOLD).replace(
        b'"created": 1', b'"created": ' + b"9" * 6000
    ),
    "parts": json.dumps(
        {"choices": [{"message": {"content": [{"type": "text", "text": "Hi"}]}}], "usage": TOLD}
    ).encode(),
}


@pytest.mark.parametrize("data", UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_answer_is_an_answer(data: bytes) -> None:
    """G2: what some providers write is read, so that it is not free."""
    assert is_json_object(data)
    assert read_usage(data) == Usage(10, 0, 5, 0)
    transcript = Transcript()
    transcript.add_answer(data)
    (text,) = transcript.texts()
    assert text.startswith("Hi")


def test_the_charge_stands_inside_the_usage() -> None:
    """Section 7: a number and exact text, beside all that the provider has said."""
    raw = b'{"id":"x","choices":[],"usage":{"prompt_tokens":1.0e1,"extra":{"a":null}},"z":1}'
    written = with_charge(raw, msgspec.Raw(b"12.0"), 12_000)
    assert written == (
        b'{"id":"x","choices":[],"usage":{"prompt_tokens":1.0e1,"extra":{"a":null},'
        b'"credits_charged":12.0,"credits_charged_millicredits":"12000"},"z":1}'
    )


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b'{"choices":[{"message":{"content":"Hello', ["Hello"]),
        (b'{"choices":[{"message":{"content":"Hel\\"lo\\u00e9"}},{"x', ['Hel"lo\u00e9']),
        (b'{"content":"a"},{"refusal" : "b"},{"arguments":"{\\"c\\"', ["a", "b", '{"c"']),
        (b'{"content":"cut in an escape \\u00', ["cut in an escape \\u00"]),
        (b'{"logprobs":{"content":[{"token":"Hello"}]},"content":null', []),
        (b'{"content":"\xc3', ["\ufffd"]),
        (b"", []),
    ],
)
def test_a_broken_answer_is_transcribed_by_its_texts(data: bytes, texts: list[str]) -> None:
    """Cut: what the model wrote is counted, not the JSON around it."""
    transcript = Transcript()
    transcript.add_broken_answer(data)
    assert transcript.texts() == texts
