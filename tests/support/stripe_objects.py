"""Checks objects as Stripe answers them against the classes of the installed `stripe` library."""

from decimal import Decimal
from types import UnionType
from typing import Any, ClassVar, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._object_classes import OBJECT_CLASSES

# Fields that Stripe leaves out where they do not apply, or are not asked for by `expand`.
_LEFT_OUT = {
    "checkout.session": {"line_items"},
    "charge": {"authorization_code", "level3", "presentment_details", "refunds"},
    "customer": {
        "business_name",
        "cash_balance",
        "deleted",
        "individual_name",
        "invoice_credit_balance",
        "sources",
        "subscriptions",
        "tax",
        "tax_ids",
    },
    "item": {"discounts", "taxes"},
    "payment_intent": {"hooks", "managed_payments", "payment_details", "payment_record"},
    "price": {"currency_options", "deleted", "tiers"},
    "refund": {
        "description",
        "failure_balance_transaction",
        "failure_reason",
        "instructions_email",
        "next_action",
        "pending_reason",
        "presentment_details",
    },
    "setup_intent": {"attach_to_self", "managed_payments"},
}
_LEFT_OUT["payment_intent"] |= {"presentment_details"}
_PLAIN = (str, int, bool, float)


def problems_of(found: dict[str, Any]) -> list[str]:
    """What is wrong with an object of the API, by places: too little, too much, another type."""
    return _of_object(found, _class_of(found), found["object"])


def _class_of(found: dict[str, Any]) -> type[StripeObject]:
    kind = OBJECT_CLASSES[found["object"]]
    if isinstance(kind, tuple):
        module, name = kind
        loaded: type[StripeObject] = getattr(__import__(module, fromlist=[name]), name)
        return loaded
    return kind


def _of_object(found: Any, kind: type[StripeObject], at: str) -> list[str]:
    if not isinstance(found, dict):
        return [f"{at}: must be an object, but is {found!r}"]
    if _is_whole(found) and kind is not _class_of(found):
        kind = _class_of(found)
    declared = {
        name: one for name, one in kind.__annotations__.items() if get_origin(one) is not ClassVar
    }
    if kind is ListObject:  # which declares what it holds, and not what it is
        declared["object"] = Literal["list"]
    problems = [f"{at}.{name}: unknown" for name in found if name not in declared]
    for name, one in declared.items():
        if name in found:
            problems += _of(found[name], one, f"{at}.{name}")
        elif not _may_be_absent(found, name, one):
            problems.append(f"{at}.{name}: missing")
    return problems


def _is_whole(found: dict[str, Any]) -> bool:
    """Whether it is an object of the API by itself, not a part of one."""
    return isinstance(found.get("object"), str)


def _may_be_absent(found: dict[str, Any], name: str, declared: Any) -> bool:
    is_optional = type(None) in get_args(declared)
    if not _is_whole(found) or not is_optional:
        return is_optional
    if found["object"] == "payment_method":
        return True
    return name in _LEFT_OUT.get(found["object"], set())


def _of(found: Any, declared: Any, at: str) -> list[str]:
    origin, arguments = get_origin(declared), get_args(declared)
    if origin in (Union, UnionType):
        return _of_union(found, arguments, at)
    if origin is Literal:
        return [] if found in arguments else [f"{at}: {found!r} is none of {arguments}"]
    if origin is list:
        return _of_list(found, arguments[0], at)
    if isinstance(declared, str | ForwardRef | TypeVar):
        return _of_named(found, declared, at)
    return _of_type(found, origin or declared, at)


def _of_union(found: Any, arguments: tuple[Any, ...], at: str) -> list[str]:
    closed = [one for one in arguments if get_origin(one) is Literal]
    members = [one for one in arguments if not (closed and one is str)]
    tries = [_of(found, one, at) for one in members if _may_be_meant(found, one)]
    return [] if [] in tries else max(tries, key=len, default=[f"{at}: must not be {found!r}"])


def _of_list(found: Any, item: Any, at: str) -> list[str]:
    if not isinstance(found, list):
        return [f"{at}: must be a list, but is {found!r}"]
    return [p for number, one in enumerate(found) for p in _of(one, item, f"{at}[{number}]")]


def _may_be_meant(found: Any, declared: Any) -> bool:
    return not (isinstance(found, dict) and declared in (*_PLAIN, type(None)))


def _of_named(found: Any, declared: str | ForwardRef | TypeVar, at: str) -> list[str]:
    """An object that may be expanded: its id (which the other member allows), or all of it."""
    if isinstance(declared, TypeVar):
        return problems_of(found)
    name = declared if isinstance(declared, str) else declared.__forward_arg__
    if not isinstance(found, dict) or not _is_whole(found):
        return [f"{at}: must be {name}, but is {found!r}"]
    kind = _class_of(found)
    wrong = kind.__name__ not in (name, name.removesuffix("Resource"), name.partition("[")[0])
    return [f"{at}: must be {name}"] if wrong else _of_object(found, kind, at)


def _of_type(found: Any, declared: Any, at: str) -> list[str]:
    if declared is Any:
        return []
    assert isinstance(declared, type), declared
    if issubclass(declared, StripeObject):
        if declared.__name__ == "UntypedStripeObject":
            return [] if isinstance(found, dict) else [f"{at}: must be an object"]
        return _of_object(found, declared, at)
    if declared is Decimal:  # sent as its text
        return [] if isinstance(found, str) else [f"{at}: must be a decimal's text"]
    assert declared in (*_PLAIN, type(None)), declared
    return [] if type(found) is declared else [f"{at}: must be {declared.__name__}, is {found!r}"]
