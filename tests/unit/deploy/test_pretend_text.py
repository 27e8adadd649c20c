"""The text of pretend answers."""

import json

import pytest

from deploy.local.pretend_provider.text import MORE, OPENING, PretendText
from pricing.tokens import TokenCounter


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    return TokenCounter(tmp_path_factory.mktemp("ranks"))


def test_a_text_of_any_length_has_exactly_that_many_tokens(counter: TokenCounter) -> None:
    """Cut anywhere, the text is counted as what was written."""
    text = PretendText(lambda part: counter.count("o200k_base", part))
    for tokens in [*range(200), 4096, 16_384]:
        assert counter.count("o200k_base", text.text(tokens)) == tokens
        deltas = [json.loads(delta)["content"] for delta in text.deltas(tokens)]
        assert "".join(deltas) == text.text(tokens)
        assert len(deltas) == tokens


def test_the_natural_text_is_the_whole_opening(counter: TokenCounter) -> None:
    """It says what it is, and ends with a full stop."""
    text = PretendText(lambda part: counter.count("o200k_base", part))
    assert text.text(text.natural_tokens) == OPENING
    assert text.text(1000).startswith(OPENING + MORE + MORE)
