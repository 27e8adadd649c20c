"""The usage record: what a settlement says, in the stream and in Postgres."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from config.rates import Rate
from config.settings import Rounding
from pricing.usage import Usage

Basis = Literal["provider", "counted", "estimated", "ceiling", "none"]
Kind = Literal["settled", "orphan"]
Status = Literal["completed", "failed", "cut", "abandoned", "orphaned"]

SETTLED: Kind = "settled"
ORPHAN: Kind = "orphan"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UsageRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it was charged. (request id, kind) is its settlement id.

    `costs` are the provider's rates, by dimension; empty where nobody has said.
    """

    request_id: str
    kind: Kind
    account_id: str
    key_id: str
    created_at_ms: int
    model: str
    endpoint: str
    status: Status
    basis: Basis
    is_stream: bool
    usage: Usage
    units: dict[str, int]
    rates: dict[str, Rate]
    costs: dict[str, Rate] = {}
    rate_version: str
    rounding: Rounding
    ceiling_mc: int
    charge_mc: int
    latency_ms: int | None = None

    @property
    def created_at(self) -> datetime:
        """When the call came, exact to the millisecond."""
        return _EPOCH + timedelta(milliseconds=self.created_at_ms)


class ExpiryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Expired credits that were taken in Redis; `request_id` is of this one try to take them."""

    request_id: str
    account_id: str
    lot_entry_id: str


encode_expiry = msgspec.json.Encoder().encode
decode_expiry = msgspec.json.Decoder(ExpiryRecord).decode
encode_record = msgspec.json.Encoder().encode
decode_record = msgspec.json.Decoder(UsageRecord).decode
