"""Reads the nested names of Stripe's forms: `line_items[0][quantity]=1`."""

import re
from typing import TypeAlias
from urllib.parse import parse_qsl

from deploy.local.pretend_stripe.errors import invalid

# A value, a group by names, or (by `name[]`) a list.
Form: TypeAlias = "str | dict[str, Form] | list[Form]"

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def read_form(text: str) -> dict[str, Form]:
    """The parameters of a body or a query, nested as their names say. All values are strings.

    Raises:
        StripeError: a name is malformed, given twice, or a value and a group at once.
    """
    form: dict[str, Form] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, max_num_fields=1000):
        _place(form, name, value)
    return form


def _place(form: dict[str, Form], name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", name)
    path = [match[1], *_PART.findall(match[2])]
    at: Form = form
    for part, after in zip(path, [*path[1:], None], strict=True):
        fresh: Form = value if after is None else ([] if after == "" else {})
        at = _step(at, part, fresh, name)


def _step(at: Form, part: str, fresh: Form, name: str) -> Form:
    """What is under `part`, which is made where there is nothing."""
    if isinstance(at, list):
        if part or not isinstance(fresh, str):
            raise invalid(f"Invalid parameter name: {name}", name)
        at.append(fresh)
        return fresh
    if not isinstance(at, dict) or part == "":
        raise invalid(f"Invalid parameter name: {name}", name)
    if part not in at:
        at[part] = fresh
    elif isinstance(fresh, str) or not isinstance(at[part], type(fresh)):
        raise invalid(f"Received the parameter {name} more than once", name)
    return at[part]
