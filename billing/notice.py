"""What is to be told to somebody: its facts, and its words in an e-mail and in a webhook. Pure."""

from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Literal, NamedTuple

import msgspec

from billing.delivery import DeliveryError
from pricing.money import grouped_credits_text

Kind = Literal["low_balance", "auto_recharge_paused", "auto_recharge_limit_reached"]
Channel = Literal["email", "webhook"]


class Content(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The facts of one notice, as they are stored. Amounts in millicredits, as text for JSON."""

    account_name: str
    email: str | None = None
    action_url: str | None = None
    balance_millicredits: str | None = None
    threshold_millicredits: str | None = None
    reason: str | None = None


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One notice to one receiver, until it is told or given up."""

    notice_id: str
    account_id: str
    channel: Channel
    kind: Kind
    content: Content
    created_at: datetime
    attempts: int = 0


class _Words(NamedTuple):
    subject: str
    text: str


def email_of(notice: Notice, sender: str) -> EmailMessage:
    """The e-mail of a notice. Its id is the same each time, so that mailers can tell repeats.

    Raises:
        DeliveryError: the address is none.
    """
    words = _WORDS[notice.kind](notice.content)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = _address(notice.content.email or "")
    message["Subject"] = words.subject
    message["Date"] = notice.created_at.astimezone(UTC)
    message["Message-ID"] = f"<{notice.notice_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text)
    return message


def _address(text: str) -> Address:
    # Python's parser of addresses raises whatever it stumbles over.
    try:
        return Address(addr_spec=text)
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise DeliveryError(f"{text!r} is no address: {error}", is_final=True) from error


def webhook_of(notice: Notice) -> bytes:
    """The JSON of a notice for operators; `id` is the same each time that it is sent."""
    return msgspec.json.encode(
        {
            "id": notice.notice_id,
            "type": notice.kind,
            "createdAt": notice.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "accountId": notice.account_id,
            "data": notice.content,
        }
    )


def _low_balance(content: Content) -> _Words:
    balance = grouped_credits_text(int(content.balance_millicredits or 0))
    threshold = grouped_credits_text(int(content.threshold_millicredits or 0))
    text = (
        f"The balance of {content.account_name} is {balance} credits: under {threshold} credits,\n"
        "where you wanted to be told.\n\n"
        "Calls are refused once the credits are used up."
        f"{_link('Add credits here', content)}\n"
    )
    return _Words(f"Low balance: {balance} credits left", text)


def _recharge_paused(content: Content) -> _Words:
    text = (
        f"Automatic recharge of {content.account_name} is paused. {content.reason}\n\n"
        "It is not tried again by itself."
        f"{_link('Add credits or save another card here', content)}\n"
    )
    return _Words("Automatic recharge is paused", text)


def _limit_reached(content: Content) -> _Words:
    text = (
        f"The balance of {content.account_name} is low and was not recharged. {content.reason}\n"
        f"{_link('Add credits or raise the limit here', content)}\n"
    )
    return _Words("Automatic recharge has reached its monthly limit", text)


def _link(what: str, content: Content) -> str:
    return f"\n\n{what}:\n{content.action_url}" if content.action_url else ""


_WORDS = {
    "low_balance": _low_balance,
    "auto_recharge_paused": _recharge_paused,
    "auto_recharge_limit_reached": _limit_reached,
}
