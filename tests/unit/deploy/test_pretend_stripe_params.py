"""What the pretend Stripe takes is what the installed `stripe` library may send."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe.params as sent
from stripe.params import checkout

from deploy.local.pretend_stripe.params import others, payment_intents, sessions
from deploy.local.pretend_stripe.shapes import (
    Decimal,
    Either,
    Flag,
    Group,
    ListOf,
    Metadata,
    OneOf,
    Shape,
    Text,
    Url,
    Whole,
)
from tests.support.stripe_params import problems

REQUESTS = [
    (sessions.CREATE, checkout.SessionCreateParams),
    (sessions.RETRIEVE, checkout.SessionRetrieveParams),
    (sessions.EXPIRE, checkout.SessionExpireParams),
    (sessions.LIST, checkout.SessionListParams),
    (sessions.LIST_LINE_ITEMS, checkout.SessionListLineItemsParams),
    (payment_intents.CREATE, sent.PaymentIntentCreateParams),
    (payment_intents.CANCEL, sent.PaymentIntentCancelParams),
    (payment_intents.LIST, sent.PaymentIntentListParams),
    (others.CREATE_CUSTOMER, sent.CustomerCreateParams),
    (others.UPDATE_CUSTOMER, sent.CustomerUpdateParams),
    (others.CREATE_REFUND, sent.RefundCreateParams),
    (others.DETACH, sent.PaymentMethodDetachParams),
    (others.LIST_CUSTOMERS, sent.CustomerListParams),
    (others.LIST_CHARGES, sent.ChargeListParams),
    (others.LIST_REFUNDS, sent.RefundListParams),
    (others.LIST_DISPUTES, sent.DisputeListParams),
    (others.LIST_SETUP_INTENTS, sent.SetupIntentListParams),
]


def examples(shape: Shape) -> Iterator[Any]:
    """Values that show all that a shape takes, as a program would give them to the library."""
    match shape:
        case Group():
            yield from of_group(shape)
        case Either():
            yield from examples(shape.group)
            yield from examples(shape.other)
        case ListOf():
            yield from ([one] for one in examples(shape.item))
        case OneOf():
            yield from shape.words
        case Text() | Url():
            yield from ("text", "") if isinstance(shape, Text) and shape.can_unset else ("text",)
        case Metadata():
            yield from ({"a": "b"}, "") if shape.can_unset else ({"a": "b"},)
        case Whole():
            yield 1
        case Flag():
            yield True
        case Decimal():
            from decimal import Decimal as Number  # noqa: PLC0415 - the same name as the shape

            yield Number(1)
        case _:
            raise AssertionError(shape)


def of_group(shape: Group) -> Iterator[dict[str, Any]]:
    """Each field by itself, beside what has to be there."""
    needed = {name: next(examples(shape.fields[name])) for name in shape.required}
    for name, one in shape.fields.items():
        for value in examples(one):
            yield {**needed, name: value}


@pytest.mark.parametrize(
    ("shape", "declared"), REQUESTS, ids=lambda one: getattr(one, "__name__", "")
)
def test_everything_that_it_takes_is_declared_by_the_library(shape: Group, declared: Any) -> None:
    """Pretend Stripe: no name, word or type of its own."""
    found = {problem for params in of_group(shape) for problem in problems(params, declared)}
    assert found == set()


@pytest.mark.parametrize(
    ("shape", "declared"), REQUESTS, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_the_library_requires_it_requires_too(shape: Group, declared: Any) -> None:
    """Pretend Stripe: as strict as the types."""
    assert declared.__required_keys__ <= shape.required
