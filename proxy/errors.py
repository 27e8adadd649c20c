"""What a client is told when a call cannot be served: one place from errors to answers."""

import msgspec

from console.errors import ApiError
from ledger.database import DatabaseUnavailableError
from ledger.errors import (
    AccountSuspendedError,
    AccountUnknownError,
    BacklogFullError,
    KeyRevokedError,
    RedisUnavailableError,
    ReservationClosedError,
    SettlementUnavailableError,
)
from proxy.relay.sse import make_event
from proxy.upstreams.upstream import (
    UnreadableCodingError,
    UpstreamCutError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)


class CallStoppedError(Exception):
    """The call was stopped: this server is closing, or could not keep its hold."""


class BadAnswerError(Exception):
    """The provider's answer is none."""


class ProviderRefusedUsError(Exception):
    """The provider does not accept this gateway's own key or account."""


class _Answer(msgspec.Struct, frozen=True):
    status: int
    code: str
    message: str
    headers: dict[str, str] = {}


_NO_RETRY = {"x-should-retry": "false"}
_NO_CREDITS_NOW = _Answer(
    503, "credits_unavailable", "Credits cannot be checked at the moment.", {"retry-after": "1"}
)
_NOT_CONFIRMED = (
    "The call was answered and charged, but its settlement is not confirmed, so its answer is "
    "withheld. The charge is listed for a refund; do not simply repeat the call."
)
_MAKES_NO_SENSE = _Answer(502, "upstream_bad_answer", "The provider's answer makes no sense.")
_ANSWERS: dict[type[Exception], _Answer] = {
    RedisUnavailableError: _NO_CREDITS_NOW,
    ReservationClosedError: _NO_CREDITS_NOW,
    DatabaseUnavailableError: _Answer(
        503, "database_unavailable", "The ledger cannot be reached now.", {"retry-after": "1"}
    ),
    BacklogFullError: _Answer(
        503, "backlog_full", "Too many charges wait to be written.", {"retry-after": "10"}
    ),
    AccountSuspendedError: _Answer(
        403,
        "account_suspended",
        "Calls of this account are refused while a payment of it is in dispute.",
        _NO_RETRY,
    ),
    KeyRevokedError: _Answer(401, "invalid_api_key", "This API key has been revoked."),
    AccountUnknownError: _Answer(401, "invalid_api_key", "This API key has no account."),
    SettlementUnavailableError: _Answer(503, "settlement_unavailable", _NOT_CONFIRMED, _NO_RETRY),
    CallStoppedError: _Answer(503, "call_stopped", "The call was stopped by this server."),
    UpstreamUnreachableError: _Answer(
        502, "upstream_unreachable", "The provider cannot be reached."
    ),
    UpstreamTimeoutError: _Answer(504, "upstream_timeout", "The provider did not answer in time."),
    UpstreamCutError: _Answer(502, "upstream_cut", "The provider's answer broke off."),
    UnreadableCodingError: _MAKES_NO_SENSE,
    BadAnswerError: _MAKES_NO_SENSE,
    ProviderRefusedUsError: _Answer(
        502, "upstream_refused", "The provider refuses this server's own account.", _NO_RETRY
    ),
}
KNOWN_ERRORS = tuple(_ANSWERS)


def as_api_error(error: Exception) -> ApiError:
    """The answer for an error of `KNOWN_ERRORS`."""
    answer = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    error_type = "api_error" if answer.status >= 500 else "invalid_request_error"
    return ApiError(
        answer.status,
        answer.code,
        answer.message,
        error_type=error_type,
        headers=answer.headers,
    )


def error_event(error: Exception) -> bytes:
    """The server-sent event that ends a stream which cannot be brought to its end."""
    return make_event(msgspec.json.encode(as_api_error(error).body))
