"""The text of a rate table: whatever names contain, they stay names."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from config.rate_book import parse_rate_book
from config.rates_writer import ModelDraft, RateLine, comment, rates_toml, toml_string

UPSTREAMS = frozenset({"openai"})
storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
nasty = st.text(st.sampled_from("\"\\\n\r\t#[].='{}\x1b\x7f\x85\u2028\u202e é💳a"))
names = (storable | nasty).filter(bool)


def draft(name: str, **changes: object) -> ModelDraft:
    values = {"upstream": "openai", "context_window": 10, "max_output_tokens": 5}
    lines = [RateLine("input", "1", "said"), RateLine("output", "2")]
    return ModelDraft(name=name, rates=lines, **{**values, **changes})


@given(names, names)
def test_any_name_is_read_back_as_it_was(first: str, second: str) -> None:
    """Import: no name breaks out of its key, and no comment out of its line."""
    drafts = [draft(name, remarks=[second]) for name in {first, second}]
    text = rates_toml([first, second], drafts)
    book = parse_rate_book(text, "test", UPSTREAMS)
    assert set(book.table_at(0).models) == {first, second}
    assert set(tomllib.loads(text)) == {"models"}


@given(storable | nasty)
def test_what_is_written_can_be_seen(text: str) -> None:
    """Import: no line end, control character or turned direction, neither in names nor comments."""
    for written in (toml_string(text), comment(text)):
        assert written.isprintable() or all(
            character.isprintable() or character.isspace() for character in written
        )
        assert len(written.splitlines()) == 1
        assert "\x1b" not in written
        assert "\u202e" not in written


def test_a_model_is_written_line_by_line() -> None:
    """Import: as people would write it."""
    written = rates_toml(
        ["Heading"],
        [
            draft(
                "gpt-4o",
                tokenizer="o200k_base",
                limit_field="max_completion_tokens",
                hidden_reasoning=True,
                remarks=["Look."],
            )
        ],
    )
    assert written == (
        "# Heading\n\n# Look.\n"
        '[models."gpt-4o"]\nupstream = "openai"\ninput = "1"  # said\noutput = "2"\n'
        'context_window = 10\nmax_output_tokens = 5\ntokenizer = "o200k_base"\n'
        'limit_field = "max_completion_tokens"\nhidden_reasoning = true\n'
    )
