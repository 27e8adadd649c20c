"""Which headers pass, and which end here."""

from proxy.upstreams.headers import HOP_BY_HOP, for_client, for_provider


def names(headers: object) -> set[str]:
    return {name.lower() for name, _ in headers}  # type: ignore[attr-defined]


def test_no_name_of_a_key_passes_in_any_case() -> None:
    """Forward: the client's key is dropped under all its names."""
    given = [(name, "sk-tg-x") for name in ("AUTHORIZATION", "Api-Key", "x-API-key", "Cookie")]
    assert names(for_provider(given)) == {"content-type", "accept-encoding"}


def test_hop_by_hop_headers_and_those_named_end_here() -> None:
    """Forward: in both directions, however often `Connection` is given."""
    given = [(name.title(), "x") for name in HOP_BY_HOP if name != "connection"]
    given += [("Connection", "close, X-One"), ("connection", " x-two ")]
    given += [("x-one", "1"), ("X-Two", "2"), ("x-three", "3")]
    assert names(for_provider(given)) == {"x-three", "content-type", "accept-encoding"}
    assert names(for_client(given, {}).items()) == {"x-three"}


def test_what_tells_of_the_inside_does_not_leave() -> None:
    """Forward: nothing of who stands before this server."""
    given = [("X-Forwarded-For", "1"), ("x-forwarded-anything", "1"), ("Forwarded", "1")]
    assert names(for_provider(given)) == {"content-type", "accept-encoding"}


def test_headers_that_come_twice_pass_twice() -> None:
    """Forward: nothing is joined or lost."""
    given = [("x-a", "1"), ("X-A", "2")]
    assert [pair for pair in for_provider(given) if pair[0].lower() == "x-a"] == given
    assert for_client(given, {}).getall("x-a") == ["1", "2"]


def test_only_we_speak_of_credits() -> None:
    """Section 7: a provider that is a Tollgate itself says nothing of its own credits."""
    given = [("X-Credits-Balance", "9"), ("x-credits-ceiling", "9"), ("x-ratelimit-limit", "1")]
    passed = for_client(given, {"x-credits-ceiling": "12.0"})
    assert dict(passed) == {"x-ratelimit-limit": "1", "x-credits-ceiling": "12.0"}
