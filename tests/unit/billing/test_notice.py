"""Notices: their words and their signature."""

from datetime import UTC, datetime

import msgspec
import pytest

from billing.delivery import DeliveryError
from billing.notice import Content, Kind, Notice, email_of, webhook_of
from billing.signing import signature

BODY = b'{"id":"1"}'


def notice(kind: Kind, email: str = "ada@example.com") -> Notice:
    content = Content(
        account_name="Ada\u00e9",
        email=email,
        action_url="https://credits.example.com/console",
        balance_millicredits="3720",
        threshold_millicredits="500000",
        reason="Your card was declined.",
    )
    return Notice(
        notice_id="0190",
        account_id="a1",
        channel="email",
        kind=kind,
        content=content,
        created_at=datetime(2026, 1, 2, tzinfo=UTC),
    )


def test_a_signature_is_of_the_time_and_the_body() -> None:
    """Notices: t=…,v1=HMAC-SHA256 of "t.body"; a known answer."""
    # printf '1700000000.{"id":"1"}' | openssl dgst -sha256 -hmac 'a secret'
    expected = "b649324ec47c6996ef3ab730ba2df96ad0986b4194a767d79aa6ec256c48463f"
    assert signature(BODY, b"a secret", 1_700_000_000) == f"t=1700000000,v1={expected}"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("low_balance", "3.72 credits: under 500 credits"),
        ("auto_recharge_paused", "Your card was declined."),
        ("auto_recharge_limit_reached", "was not recharged"),
    ],
)
def test_each_kind_has_words_and_a_link(kind: Kind, words: str) -> None:
    """Notices: people read what has happened, and where they can do something about it."""
    message = email_of(notice(kind), "credits@example.com")
    text = message.get_content()
    assert words in text
    assert "https://credits.example.com/console" in text
    assert message["Message-ID"] == "<0190@example.com>"
    decoded = msgspec.json.decode(webhook_of(notice(kind)))
    assert (decoded["type"], decoded["id"], decoded["accountId"]) == (kind, "0190", "a1")
    assert decoded["createdAt"] == "2026-01-02T00:00:00.000000Z"


@pytest.mark.parametrize("address", ["", "a,b@c", "a<b@c", "a@[1", '"a@b'])
def test_what_is_no_address_is_refused_for_good(address: str) -> None:
    """Notices: an address that no mailer could take is not tried again."""
    with pytest.raises(DeliveryError) as raised:
        email_of(notice("low_balance", address), "credits@example.com")
    assert raised.value.is_final
