"""Which headers pass between client and provider."""

from collections.abc import Iterable, Mapping

from multidict import CIMultiDict

from proxy.upstreams.upstream import Headers

HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te"),
        *("proxy-connection", "trailer", "transfer-encoding", "upgrade", "expect"),
    }
)

# The client's key under all its names, and what would choose another of the operator's wallets.
_NOT_FOR_PROVIDERS = HOP_BY_HOP | {
    *("authorization", "api-key", "x-api-key", "cookie", "host", "content-length"),
    *("accept-encoding", "openai-organization", "openai-project", "forwarded"),
    *("content-type", "content-encoding"),
}

_NOT_FOR_CLIENTS = HOP_BY_HOP | {
    *("content-length", "content-encoding", "set-cookie", "server", "date", "alt-svc"),
    *("strict-transport-security", "x-request-id"),
}

_OURS = (
    # What was priced is JSON in UTF-8: it must not be read as anything else.
    ("Content-Type", "application/json"),
    ("Accept-Encoding", "identity"),
)


def for_provider(headers: Iterable[tuple[str, str]]) -> Headers:
    """A client's headers as they go upstream; the provider's key is added behind them."""
    given = list(headers)
    dropped = _NOT_FOR_PROVIDERS | _named_hop_by_hop(given)
    passing = [
        (name, value)
        for name, value in given
        if name.lower() not in dropped and not name.lower().startswith("x-forwarded-")
    ]
    return [*passing, *_OURS]


def for_client(headers: Headers, ours: Mapping[str, str]) -> CIMultiDict[str]:
    """A provider's headers as they reach the client; what is said of credits is ours alone."""
    dropped = _NOT_FOR_CLIENTS | _named_hop_by_hop(headers)
    passing = CIMultiDict(
        (name, value)
        for name, value in headers
        if name.lower() not in dropped and not name.lower().startswith("x-credits-")
    )
    passing.update(ours)
    return passing


def _named_hop_by_hop(headers: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The headers that a `Connection` header declares to be for the next hop only."""
    return frozenset(
        name.strip().lower()
        for header, value in headers
        if header.lower() == "connection"
        for name in value.split(",")
    )
