"""The tokens of a chat prompt."""

import pytest

from pricing.chat_tokens import count_chat_prompt
from pricing.tokens import TokenCounter

# OpenAI's own example of the formula, for which its API reports 124 (o200k_base) and 129
# (cl100k_base) prompt tokens.
PUBLISHED_EXAMPLE = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate "
        "jargon into plain English.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "New synergies will help drive top-line growth.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client "
        "deliverable.",
    },
]
PRIMING = 3
USER = 3 + 1  # a message around its texts, and its role


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize(("encoding", "tokens"), [("o200k_base", 124), ("cl100k_base", 129)])
def test_the_published_example_counts_what_the_provider_bills(
    counter: TokenCounter, encoding: str, tokens: int
) -> None:
    """The count is exact for text."""
    assert count_chat_prompt(counter, encoding, PUBLISHED_EXAMPLE) == tokens


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        ({"role": "user", "content": "Hello"}, 1),
        ({"role": "user", "content": ""}, 0),
        ({"role": "user", "content": None}, 0),
        ({"role": "user", "name": "Ann", "content": "Hello"}, 3),
        ({"role": "user", "content": [{"type": "text", "text": "Hello"}]}, 1),
        ({"role": "user", "content": ["Hello", {"type": "text", "text": "Hello"}]}, 2),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, 0),
        ({"role": "user", "refusal": "Hello"}, 1),
        ({"role": "user", "tool_call_id": "Hello"}, 1),
        ({"role": "user", "function_call": {"name": "Hello", "arguments": "Hello"}}, 2),
    ],
)
def test_a_message_costs_its_texts_and_what_is_around_them(
    counter: TokenCounter, message: dict[str, object], tokens: int
) -> None:
    """Three tokens a message, one a name, three for the reply."""
    assert count_chat_prompt(counter, "o200k_base", [message]) == USER + tokens + PRIMING


def test_tool_calls_cost_their_names_and_arguments(counter: TokenCounter) -> None:
    """What the model said to a tool is read by it again."""
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "Hello", "arguments": "Hello"}},
        {"id": "call_2", "type": "custom", "custom": {"name": "Hello", "input": "Hello"}},
    ]
    message = {"role": "user", "content": None, "tool_calls": calls}
    assert count_chat_prompt(counter, "o200k_base", [message]) == USER + 4 + PRIMING


@pytest.mark.parametrize("oddity", [None, 1, "text", [], {"content": 5}, {"tool_calls": [1, {}]}])
def test_what_is_no_message_is_counted_without_an_error(
    counter: TokenCounter, oddity: object
) -> None:
    """Judging a request is the proxy's work, not the counter's."""
    frame = 3 if isinstance(oddity, dict) else 0
    assert count_chat_prompt(counter, "o200k_base", [oddity]) == frame + PRIMING
