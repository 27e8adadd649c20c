"""What bounds a call: its parts, its choices and limits; and what has no rate."""

from typing import Any

import msgspec
import pytest

from tests.support.bodies import FILE, IMAGE, body, read, refusal, said

PARTS: list[tuple[Any, tuple[int, int, bool]]] = [
    ("Hi", (0, 0, False)),
    (None, (0, 0, False)),
    ([], (0, 0, False)),
    (["Hi"], (0, 0, False)),
    ([{"type": "text", "text": "Hi"}], (0, 0, False)),
    ([{"type": "refusal", "refusal": "No"}], (0, 0, False)),
    ([{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}], (0, 0, False)),
    ([IMAGE], (1, 0, False)),
    ([IMAGE, IMAGE, {"type": "text", "text": "?"}], (2, 0, False)),
    ([{"type": "input_image", "image_url": "data:image/png;base64,AA"}], (1, 0, False)),
    ([{"type": "text", "text": "Hi", "image_url": {"url": "x"}}], (1, 0, False)),
    ([{"type": "text", "text": "Hi", "Image_URL": {"url": "x"}}], (1, 0, False)),
    ([FILE], (0, 1, False)),
    ([FILE, IMAGE], (1, 1, False)),
    ([{"type": "video_url", "video_url": {"url": "x"}}], (0, 0, True)),
    ([{"type": "text", "video_url": {"url": "x"}}], (0, 0, True)),
    ([{"type": "text", "Text": "Hi"}], (0, 0, True)),
    ([{"text": "Hi"}], (0, 0, False)),
    ([{}], (0, 0, False)),
]


@pytest.mark.parametrize(("content", "expected"), PARTS)
def test_parts_are_bounded_by_what_they_are(
    content: object, expected: tuple[int, int, bool]
) -> None:
    """Quote: images and files add their bounds; a part of unknown kind, the context window."""
    bounds = read(said(content))
    assert (bounds.images, bounds.files, bounds.is_input_open) == expected


def test_parts_of_all_messages_add_up() -> None:
    """Quote: every message's parts count."""
    bounds = read(said([IMAGE], "Hi", [IMAGE, FILE], [{"type": "odd", "odd": 1}]))
    assert (bounds.images, bounds.files, bounds.is_input_open) == (2, 1, True)


@pytest.mark.parametrize(
    "tool", [{"type": "web_search_preview"}, {"google_search": {}}, {"type": "file_search"}]
)
def test_a_hosted_tool_opens_the_input(tool: dict[str, Any]) -> None:
    """Quote: what a provider's own tool finds is input that the body does not show."""
    assert read(said("Hi", tools=[tool])).is_input_open


@pytest.mark.parametrize("kind", ["function", "custom"])
def test_the_clients_own_tools_do_not(kind: str) -> None:
    """Quote: functions are in the body, byte for byte."""
    assert not read(said("Hi", tools=[{"type": kind, kind: {"name": "f"}}])).is_input_open


def test_audio_of_an_earlier_answer_opens_the_input() -> None:
    """Quote: audio that is only named by its id does not show its size."""
    message = b'"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]'
    assert read(body(messages=message)).is_input_open


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"service_tier": "ultrafast"}, "service_tier"),
    ],
)
def test_what_has_no_rate_is_refused(fields: dict[str, Any], param: str) -> None:
    """G2: a dimension without a rate is refused before it leaves."""
    assert refusal(said("Hi", **fields)) == (404, "rate_not_found", param)


@pytest.mark.parametrize("field", ["input_audio", "Input_Audio", "audio", "audio_url"])
def test_audio_input_has_no_rate(field: str) -> None:
    """G2: audio is a dimension that is not sold."""
    content = said([{"type": "input_audio", field: {"data": "AA", "format": "wav"}}])
    assert refusal(content) == (404, "rate_not_found", "messages[0].content")


@pytest.mark.parametrize("fields", [{"modalities": ["text"]}, {"modalities": []}])
@pytest.mark.parametrize("tier", [None, "auto", "default", "flex"])
def test_plain_text_has_a_rate(fields: dict[str, Any], tier: str | None) -> None:
    """What is sold is not refused."""
    assert not read(said("Hi", service_tier=tier, **fields)).is_input_open


@pytest.mark.parametrize(
    ("fields", "choices", "limit"),
    [
        ({}, 1, None),
        ({"n": 3}, 3, None),
        ({"n": 2, "best_of": 5}, 5, None),
        ({"n": 5, "best_of": 2}, 5, None),
        ({"max_tokens": 7}, 1, 7),
        ({"max_completion_tokens": 7}, 1, 7),
        ({"max_tokens": 7, "max_completion_tokens": 9}, 1, 9),
        ({"max_tokens": 9, "max_completion_tokens": 7}, 1, 9),
        ({"max_tokens": None, "max_completion_tokens": 7}, 1, 7),
    ],
)
def test_output_is_bounded_by_choices_and_limits(
    fields: dict[str, Any], choices: int, limit: int | None
) -> None:
    """Quote: `best_of` replaces a smaller `n`; of two limits the larger one bounds."""
    bounds = read(said("Hi", **fields))
    assert (bounds.choices, bounds.output_limit) == (choices, limit)


def test_a_prediction_adds_its_bytes() -> None:
    """Quote: rejected tokens of a prediction are output too."""
    prediction = {"type": "content", "content": "x" * 100}
    bounds = read(said("Hi", prediction=prediction))
    assert bounds.prediction_bytes == len(msgspec.json.encode(prediction))
