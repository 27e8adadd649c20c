"""What a parameter may be: each shape checks a form's strings and makes values of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from deploy.local.pretend_stripe.errors import empty, invalid, missing, unknown_parameters
from deploy.local.pretend_stripe.form import Form

_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")
_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_LONGEST_TEXT = 5000
_MOST_METADATA = 50
_LONGEST_METADATA_KEY = 40
_LONGEST_METADATA_VALUE = 500
_LONGEST_URL = 5000


class Shape(Protocol):
    """One kind of value."""

    def checked(self, value: Form, param: str) -> Any:  # noqa: ANN401 - that is what it finds out
        """The value that `param` has.

        Raises:
            StripeError: it is none of this kind.
        """


@dataclass(frozen=True)
class Text:
    """A string that is not empty; `can_unset` lets it be, too."""

    longest: int = _LONGEST_TEXT
    can_unset: bool = False

    def checked(self, value: Form, param: str) -> str:
        text = _string(value, param, "string")
        if not text and not self.can_unset:
            raise empty(param)
        if len(text) > self.longest:
            message = f"Invalid string: must be at most {self.longest} characters"
            raise invalid(message, param, "parameter_invalid_string")
        return text


@dataclass(frozen=True)
class Url:
    """An absolute URL of http or https."""

    def checked(self, value: Form, param: str) -> str:
        text = Text(_LONGEST_URL).checked(value, param)
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc or " " in text:
            raise invalid("Not a valid URL", param, "url_invalid")
        return text


@dataclass(frozen=True)
class Whole:
    """A whole number within bounds."""

    least: int = 0
    most: int = 10**12

    def checked(self, value: Form, param: str) -> int:
        text = _string(value, param, "integer")
        if not _WHOLE.fullmatch(text):
            raise invalid(f"Invalid integer: {text}", param, "parameter_invalid_integer")
        number = int(text)
        if number < self.least:
            message = f"This value must be greater than or equal to {self.least}."
            raise invalid(message, param, "parameter_invalid_integer")
        if number > self.most:
            message = f"This value must be less than or equal to {self.most}."
            raise invalid(message, param, "parameter_invalid_integer")
        return number


@dataclass(frozen=True)
class Decimal:
    """A decimal number, kept as its text."""

    def checked(self, value: Form, param: str) -> str:
        text = _string(value, param, "decimal")
        if not _DECIMAL.fullmatch(text):
            raise invalid(f"Invalid decimal: {text}", param)
        return text


@dataclass(frozen=True)
class Flag:
    """`true` or `false`."""

    def checked(self, value: Form, param: str) -> bool:
        text = _string(value, param, "boolean")
        if text not in ("true", "false"):
            raise invalid(f"Invalid boolean: {text}", param)
        return text == "true"


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    def checked(self, value: Form, param: str) -> str:
        text = _string(value, param, "string")
        if not text:
            raise empty(param)
        if text not in self.words:
            name = param.rpartition("[")[2].rstrip("]")
            raise invalid(f"Invalid {name}: must be one of {', '.join(self.words)}", param)
        return text


@dataclass(frozen=True)
class Metadata:
    """Up to 50 texts by name."""

    can_unset: bool = False

    def checked(self, value: Form, param: str) -> dict[str, str]:
        if value == "" and self.can_unset:
            return {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", param)
        if len(value) > _MOST_METADATA:
            raise invalid(f"Metadata can have up to {_MOST_METADATA} keys", param)
        texts = Text(_LONGEST_METADATA_VALUE, can_unset=True)
        for key in value:
            if len(key) > _LONGEST_METADATA_KEY:
                message = f"Metadata keys must be {_LONGEST_METADATA_KEY} characters or less: {key}"
                raise invalid(message, param)
        found = {key: texts.checked(text, f"{param}[{key}]") for key, text in value.items()}
        return {key: text for key, text in found.items() if text}


@dataclass(frozen=True)
class ListOf:
    """Several of a kind, as `name[0]`, `name[1]`, … or `name[]`."""

    item: Shape
    most: int = 100

    def checked(self, value: Form, param: str) -> list[Any]:
        if isinstance(value, dict):
            if list(value) != [str(number) for number in range(len(value))]:
                raise invalid("Invalid array", param)
            value = list(value.values())
        if not isinstance(value, list):
            raise invalid("Invalid array", param)
        if len(value) > self.most:
            raise invalid(f"Array must have at most {self.most} elements", param)
        return [self.item.checked(one, f"{param}[{i}]") for i, one in enumerate(value)]


@dataclass(frozen=True)
class Either:
    """A group where it is one, else the other shape."""

    group: "Group"
    other: Shape

    def checked(self, value: Form, param: str) -> Any:  # noqa: ANN401 - of either
        shape = self.group if isinstance(value, dict) else self.other
        return shape.checked(value, param)


@dataclass(frozen=True)
class Group:
    """Parameters by name. A request as a whole is one, too, whose name is empty."""

    fields: Mapping[str, Shape]
    required: frozenset[str] = field(default=frozenset())

    def checked(self, value: Form, param: str = "") -> dict[str, Any]:
        if not isinstance(value, dict):
            raise invalid("Invalid object", param)
        unknown = [_within(param, name) for name in value if name not in self.fields]
        if unknown:
            raise unknown_parameters(unknown)
        for name in sorted(self.required - set(value)):
            raise missing(_within(param, name))
        return {
            name: self.fields[name].checked(one, _within(param, name))
            for name, one in value.items()
        }


def group(*required: str, **fields: Shape) -> Group:
    """A group of these fields, of which the named ones have to be there."""
    return Group(fields, frozenset(required))


def _within(param: str, name: str) -> str:
    return f"{param}[{name}]" if param else name


def _string(value: Form, param: str, noun: str) -> str:
    if isinstance(value, str):
        return value
    raise invalid(f"Invalid {noun}: {value}", param)
