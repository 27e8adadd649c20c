"""What the relay needs of a provider's connection; any HTTP client can stand behind it."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

Headers = Sequence[tuple[str, str]]


class UpstreamUnreachableError(Exception):
    """No connection, or it broke before an answer began."""


class UpstreamTimeoutError(Exception):
    """No answer began in time."""


class UpstreamCutError(Exception):
    """The answer began and was not brought to its end."""


class UnreadableCodingError(UpstreamCutError):
    """The answer is coded, in a way that is not known or that is broken."""


class UpstreamAnswer(Protocol):
    """An answer whose head is there and whose body is still to come."""

    status: int
    headers: Headers

    def blocks(self) -> AsyncIterator[bytes]:
        """The body as it comes, decoded.

        Raises:
            UpstreamCutError: it ends too early, falls silent, or cannot be decoded.
        """
        ...

    async def finish(self) -> None:
        """Reads what is left of the framing, so that the connection can serve another call."""
        ...

    def close(self) -> None:
        """Gives the connection back, or closes it where the answer is not at its end."""
        ...


class Upstream(Protocol):
    """A provider."""

    async def post(self, path: str, headers: Headers, body: bytes) -> UpstreamAnswer:
        """Sends a request; whoever gets the answer closes it.

        Raises:
            UpstreamUnreachableError, UpstreamTimeoutError: there is no answer.
        """
        ...
