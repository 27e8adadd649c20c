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


@pytest.mark.parametrize("tool", [{"type": "mcp"}, {"retrieval": {}}, {"type": None}])
def test_a_hosted_tool_opens_the_input(tool: dict[str, Any]) -> None:
    """Quote: what a provider's own tool finds is input that the body does not show."""
    assert read(said("Hi", tools=[tool])).is_input_open


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search"},
        {"type": "web_search_preview_2025_03_11"},
        {"type": "Web_Search_Preview"},
        {"google_search": {}},
        {"googleSearch": {}},
        {"type": "file_search"},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation"},
        {"type": "builtin_function", "function": {"name": "$web_search"}},
    ],
)
def test_a_hosted_tool_with_a_fee_has_no_rate(tool: dict[str, Any]) -> None:
    """G2: a fee for each use is a dimension without a rate."""
    own = {"type": "function", "function": {"name": "web_search"}}
    assert refusal(said("Hi", tools=[own, tool])) == (404, "rate_not_found", "tools")
    assert refusal(said([FILE, {"odd": 1}], tools=[tool])) == (404, "rate_not_found", "tools")


@pytest.mark.parametrize("tools", ["x", 5, [5], {"type": "function"}, [{"type": 5}]])
def test_tools_that_are_none_are_refused(tools: object) -> None:
    """400 naming the field."""
    assert refusal(said("Hi", tools=tools)) == (400, "invalid_value", "tools")


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
        ({"modalities": ["text", "image"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"service_tier": "priority"}, "service_tier"),
        ({"service_tier": "flex"}, "service_tier"),
        ({"service_tier": "ultrafast"}, "service_tier"),
        ({"search_parameters": {"mode": "on"}}, "search_parameters"),
        ({"enable_search": True}, "enable_search"),
        ({"plugins": [{"id": "web"}]}, "plugins"),
        ({"models": ["gpt-4o"]}, "models"),
        ({"fallbacks": ["gpt-4o"]}, "fallbacks"),
        ({"route": "fallback"}, "route"),
        ({"provider": {"order": ["dearest"]}}, "provider"),
        ({"preset": "x"}, "preset"),
    ],
)
def test_what_has_no_rate_is_refused(fields: dict[str, Any], param: str) -> None:
    """G2: a dimension without a rate is refused before it leaves."""
    assert refusal(said("Hi", **fields)) == (404, "rate_not_found", param)


@pytest.mark.parametrize(
    "name", ["n_predict", "num_predict", "max_new_tokens", "max_output_tokens"]
)
def test_a_limit_that_is_not_known_here_is_refused(name: str) -> None:
    """G1: where a provider knows it, it wins over the limit that the call is quoted with."""
    fields = {"max_tokens": 5, name: 16_000}
    assert refusal(said("Hi", **fields)) == (400, "unknown_field", name)


@pytest.mark.parametrize(
    "more", [b'"plugins":[],"plugins":null', b'"n_predict":9,"n_predict":null']
)
def test_what_has_no_rate_cannot_hide_behind_its_own_name(more: bytes) -> None:
    """G2: of two fields the provider may read the first."""
    assert refusal(body(more))[:2] == (400, "duplicate_field")


@pytest.mark.parametrize("name", ["Plugins", "MODELS", "N_Predict", "Previous_Response_Id"])
def test_what_has_no_rate_cannot_hide_in_another_case(name: str) -> None:
    """G2: some providers read names in any case."""
    assert refusal(said("Hi", **{name: ["x"]})) == (400, "unknown_field", name)


@pytest.mark.parametrize(
    "name",
    [
        *("previous_response_id", "conversation", "prompt", "cached_content", "data_sources"),
        *("chat_template", "extra_body"),
    ],
)
def test_a_field_that_stands_for_other_input_opens_the_input(name: str) -> None:
    """Quote: input that the body does not show is bounded by the context window."""
    assert read(said("Hi", **{name: "x"})).is_input_open
    assert not read(said("Hi", **{name: None})).is_input_open


HARMLESS = {
    "store": True,
    "metadata": {"models": "x", "plugins": "y"},
    "reasoning_effort": "high",
    "verbosity": "high",
    "logprobs": True,
    "top_logprobs": 5,
    "prompt_cache_key": "k",
    "safety_identifier": "s",
    "enable_search": False,
    "plugins": None,
    "thinking": {"type": "enabled"},
    "a_field_of_tomorrow": {"n": 1},
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_costs_only_its_tokens_passes(name: str) -> None:
    """Read: a field without a price of its own is the provider's to judge."""
    bounds = read(said("Hi", **{name: HARMLESS[name]}))
    assert (bounds.is_input_open, bounds.choices) == (False, 1)


@pytest.mark.parametrize("field", ["input_audio", "Input_Audio", "audio", "audio_url"])
def test_audio_input_has_no_rate(field: str) -> None:
    """G2: audio is a dimension that is not sold."""
    content = said([{"type": "input_audio", field: {"data": "AA", "format": "wav"}}])
    assert refusal(content) == (404, "rate_not_found", "messages[0].content")


@pytest.mark.parametrize("fields", [{"modalities": ["text"]}, {"modalities": []}])
@pytest.mark.parametrize("tier", [None, "auto", "default"])
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
