"""Writes down what is to be told, in the transaction of what has happened."""

import msgspec

from billing.notice import Channel, Content, Kind
from billing.queries import load_queries
from ledger.database import Connection
from ledger.ids import new_id

_QUERIES = load_queries("notices")


class Outbox:
    """Knows over which channels anybody is told; without any, nothing is written down."""

    def __init__(self, *, sends_emails: bool, sends_webhooks: bool) -> None:
        self._sends_emails = sends_emails
        self._sends_webhooks = sends_webhooks

    async def write(
        self, connection: Connection, account_id: str, kind: Kind, content: Content
    ) -> None:
        """Writes down a notice for the customer, if there is an address, and for the operator."""
        channels: list[Channel] = []
        if self._sends_emails and content.email:
            channels.append("email")
        if self._sends_webhooks:
            channels.append("webhook")
        encoded = msgspec.json.encode(content).decode()
        for channel in channels:
            await connection.execute(
                _QUERIES["insert_notice"], new_id(), account_id, channel, kind, encoded
            )
