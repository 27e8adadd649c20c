"""Reads a price list of any known shape."""

from collections import Counter
from pathlib import Path
from typing import Protocol

from config.errors import ConfigError
from config.price_lists import litellm, openrouter, plain
from config.price_lists.json_file import JsonObject, load_json
from config.price_lists.listed import ListedModel, PriceList, UnusableModel, UnusableModelError


class Shape(Protocol):
    """How one kind of list is written."""

    NAME: str

    def fits(self, content: JsonObject, /) -> bool:
        """Whether a file is of this shape."""

    def entries(self, content: JsonObject, /) -> list[tuple[str, object]]:
        """The models by name."""

    def read(self, name: str, table: JsonObject, /) -> ListedModel:
        """One model; raises UnusableModelError."""


SHAPES: tuple[Shape, ...] = (openrouter, litellm, plain)


def read_price_list(path: Path) -> PriceList:
    """The list in a file.

    Raises:
        ConfigError: the file cannot be read, or is no price list of a known shape.
    """
    content = load_json(path)
    shape = _shape_of(content) if isinstance(content, JsonObject) else None
    if shape is None or not isinstance(content, JsonObject):
        reason = (
            "is no price list that is known: LiteLLM's, OpenRouter's, or USD per million tokens "
            'like {"gpt-4o": {"input": 2.5, "output": 10, "context_window": 128000}}'
        )
        raise ConfigError(str(path), "", reason)
    entries = shape.entries(content)
    times = Counter(name for name, _ in entries)
    twice = content.repeated | {name for name, count in times.items() if count > 1}
    read = [_read(shape, name, entry, twice) for name, entry in dict(entries).items()]
    return PriceList(
        shape=shape.NAME,
        models=tuple(one for one in read if isinstance(one, ListedModel)),
        unusable=tuple(one for one in read if isinstance(one, UnusableModel)),
    )


def _shape_of(content: JsonObject) -> Shape | None:
    return next((shape for shape in SHAPES if shape.fits(content)), None)


def _read(
    shape: Shape, name: str, entry: object, twice: frozenset[str]
) -> ListedModel | UnusableModel:
    try:
        _check_name(name, twice)
        return shape.read(name, _described(entry))
    except UnusableModelError as error:
        return UnusableModel(name, str(error))


def _described(entry: object) -> JsonObject:
    if not isinstance(entry, JsonObject):
        raise UnusableModelError("is not described by an object")
    return entry


def _check_name(name: str, twice: frozenset[str]) -> None:
    if name in twice:
        raise UnusableModelError("is given twice")
    if not name:
        raise UnusableModelError("has no name")
    if "\0" in name or any("\ud800" <= character <= "\udfff" for character in name):
        raise UnusableModelError("has a name that cannot be stored")
