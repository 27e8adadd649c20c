"""Refuses names that a provider could read otherwise than we do: given twice, or in another case.

Providers differ in which of two fields they take, and some take a name in any case. Looking at
every name is slow, so it is done only where a body has more of them than its fields explain.
"""

import json
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from console.errors import ApiError

# An ASCII letter or underscore written as an escape: no honest client writes a field's name so.
_ESCAPED_NAME = re.compile(rb"\\u00(4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])")

MESSAGE_FIELDS = frozenset({"content", "audio"})


class _Object(list[tuple[str, object]]):
    """A JSON object with all its names, in order."""


def refuse_other_case(names: Iterable[str], priced: AbstractSet[str], where: str = "") -> None:
    """Refuses names that are a priced field's but for their case, by any folding of letters.

    Raises:
        ApiError: 400, naming the field, which is found in `where`.
    """
    for name in names:
        if name not in priced and name.casefold() in priced:
            message = f"Unknown field {where + name!r}: did you mean {name.casefold()!r}?"
            raise ApiError(400, "unknown_field", message, param=where + name)


def refuse_repeated(body: bytes, priced: AbstractSet[str], contents: int) -> None:
    """Refuses a body in which a priced field of the request, or of a message, is there twice.

    `contents` is how many of its messages have a content.

    Raises:
        ApiError: 400, naming the field.
    """
    lowered = body.lower()
    is_plain = (
        lowered.count(b'"content"') == contents
        and all(lowered.count(b'"%b"' % name.encode()) <= 1 for name in priced)
        and b'"audio"' not in lowered
        and not _ESCAPED_NAME.search(body)
    )
    if is_plain:
        return
    try:
        # Numbers stay text: those of any size must do.
        request = json.loads(body, object_pairs_hook=_Object, parse_int=str, parse_float=str)
    except RecursionError:
        raise ApiError(400, "invalid_json", "The body is nested too deeply.") from None
    _refuse_twice(request, priced, "")
    for place, message in enumerate(next(value for name, value in request if name == "messages")):
        where = f"messages[{place}]."
        refuse_other_case((name for name, _ in message), MESSAGE_FIELDS, where)
        _refuse_twice(message, MESSAGE_FIELDS, where)


def _refuse_twice(fields: _Object, priced: AbstractSet[str], where: str) -> None:
    seen: set[str] = set()
    for name, _ in fields:
        if name in seen and name in priced:
            message = f"The field {where + name!r} is given more than once."
            raise ApiError(400, "duplicate_field", message, param=where + name)
        seen.add(name)
