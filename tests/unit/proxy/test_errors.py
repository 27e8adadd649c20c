"""What clients are told: one envelope, for every error, in every place."""

import msgspec
import pytest

from proxy.errors import KNOWN_ERRORS, as_api_error, error_event
from proxy.relay.sse import event_data


def make(kind: type[Exception]) -> Exception:
    """One of its kind, with an inside that nobody may see."""
    return kind("secret inside")


@pytest.mark.parametrize("kind", KNOWN_ERRORS)
def test_every_error_has_its_answer(kind: type[Exception]) -> None:
    """Errors: a status that fits, a code, a sentence, and nothing of the inside."""
    error = as_api_error(make(kind))
    assert error.status in {401, 403, 502, 503, 504}
    told = msgspec.json.decode(error.encode())["error"]
    assert set(told) == {"message", "type", "param", "code"}
    assert told["message"].endswith(".")
    assert told["type"] == ("api_error" if error.status >= 500 else "invalid_request_error")
    assert "secret" not in str(told)


@pytest.mark.parametrize("kind", KNOWN_ERRORS)
def test_an_error_in_mid_stream_says_the_same(kind: type[Exception]) -> None:
    """Errors: the SDKs raise on an event with `error` in it."""
    error = make(kind)
    event = msgspec.json.decode(event_data(error_event(error)))
    assert event == msgspec.json.decode(as_api_error(error).encode())


def test_a_kind_of_a_known_error_is_known() -> None:
    """Errors: a more special error is answered as what it is a kind of."""

    class Special(KNOWN_ERRORS[0]):  # type: ignore[name-defined, misc]
        """A special one."""

    assert as_api_error(Special("x")).code == as_api_error(make(KNOWN_ERRORS[0])).code
