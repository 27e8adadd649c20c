"""Writes the text of a `rates.toml`, whatever its names contain."""

import unicodedata
from collections.abc import Iterable, Sequence

import msgspec


class RateLine(msgspec.Struct, frozen=True):
    """A rate or a cost as decimal text, and what the line's comment says of it, if anything."""

    key: str
    text: str
    comment: str = ""


class ModelDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A model as it is to be written; token counts throughout. Remarks are lines of comment."""

    name: str
    upstream: str
    rates: Sequence[RateLine]
    context_window: int
    max_output_tokens: int
    tokenizer: str | None = None
    limit_field: str | None = None
    hidden_reasoning: bool = False
    remarks: Sequence[str] = ()


def rates_toml(heading: Iterable[str], drafts: Iterable[ModelDraft]) -> str:
    """The text of a rate table, with a heading as comment; ends with a line end."""
    blocks = ["\n".join(comment(line) for line in heading)]
    blocks += ["\n".join(_model(draft)) for draft in drafts]
    return "\n\n".join(blocks) + "\n"


def toml_string(text: str) -> str:
    """A TOML string in quotes; what cannot be seen is written as its code.

    There must be no lone surrogates in it: TOML has no way to write them.
    """
    return f'"{"".join(_escaped(character) for character in text)}"'


def comment(text: str) -> str:
    """One line of comment, whatever the text contains."""
    return f"# {''.join(_visible(character) for character in text)}"


def _model(draft: ModelDraft) -> Iterable[str]:
    yield from (comment(remark) for remark in draft.remarks)
    yield f"[models.{toml_string(draft.name)}]"
    yield f"upstream = {toml_string(draft.upstream)}"
    for rate in draft.rates:
        said = f"  {comment(rate.comment)}" if rate.comment else ""
        yield f"{rate.key} = {toml_string(rate.text)}{said}"
    yield f"context_window = {draft.context_window}"
    yield f"max_output_tokens = {draft.max_output_tokens}"
    if draft.tokenizer is not None:
        yield f"tokenizer = {toml_string(draft.tokenizer)}"
    if draft.limit_field is not None:
        yield f"limit_field = {toml_string(draft.limit_field)}"
    if draft.hidden_reasoning:
        yield "hidden_reasoning = true"


def _escaped(character: str) -> str:
    return f"\\{character}" if character in '"\\' else _visible(character)


def _visible(character: str) -> str:
    # Line ends, control characters, and those that turn the direction of writing.
    if unicodedata.category(character)[0] != "C" and character not in "\u2028\u2029":
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
