"""A part of the page that fails fails alone, and says why."""

import asyncio
from collections.abc import Mapping

import pytest

from console.errors import ApiError
from console.page import part as part_module
from console.page.part import Parts
from console.page.query import PageQuery
from console.page.visitor import Visitor
from console.pages import Pages
from ledger.database import DatabaseUnavailableError

VISITOR = Visitor(account_id="01a2257c", way="link", token="a token")
QUERY = PageQuery({})


class Rates:
    """A part whose template needs nothing that is not given here."""

    name = "rates"
    title = "Rates"

    def __init__(self, error: BaseException | None = None, wait_s: float = 0) -> None:
        self._error = error
        self._wait_s = wait_s

    async def load(self, _visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        await asyncio.sleep(self._wait_s)
        if self._error:
            raise self._error
        return {"models": []}


def parts(error: BaseException | None = None, wait_s: float = 0) -> Parts:
    return Parts(Pages(1000), [Rates(error, wait_s)])


async def test_what_is_loaded_is_shown_with_a_tag_of_its_text() -> None:
    """The same text has the same tag: a browser that has it is sent nothing."""
    first, second = [await parts().show("rates", VISITOR, QUERY) for _ in range(2)]
    assert (first.status, first.tag) == (200, second.tag)
    assert "No model has a rate now." in first.html


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ApiError(400, "invalid_value", "from must be a time."), 400, "From must be a time."),
        (DatabaseUnavailableError("secret host"), 503, "The ledger cannot be reached now."),
        (RuntimeError("a secret"), 500, "Something went wrong on this server."),
    ],
)
async def test_an_error_is_shown_in_the_parts_place(
    error: Exception, status: int, said: str
) -> None:
    """With its heading, a way to try again, and nothing of the inside."""
    shown = await parts(error).show("rates", VISITOR, QUERY)
    assert shown.status == status
    assert said in shown.html
    assert "<h2>Rates</h2>" in shown.html
    assert 'data-refresh="rates"' in shown.html
    assert "secret" not in shown.html


async def test_a_part_that_takes_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen database holds up its own parts, for a while, and no page for ever."""
    monkeypatch.setattr(part_module, "LONGEST_WAIT_S", 0.01)
    shown = await parts(wait_s=60).show("rates", VISITOR, QUERY)
    assert shown.status == 503
    assert "takes too long" in shown.html


async def test_a_stopped_request_is_no_failed_part() -> None:
    """Cancellation goes through: nobody waits for the page any more."""
    with pytest.raises(asyncio.CancelledError):
        await parts(asyncio.CancelledError()).show("rates", VISITOR, QUERY)


@pytest.mark.parametrize(("status", "is_tried_again"), [(400, False), (500, True), (503, True)])
async def test_what_may_be_there_later_is_asked_for_again(
    status: int, is_tried_again: bool
) -> None:
    """The page's scripts look for the mark; a wrong question stays wrong."""
    shown = await parts(ApiError(status, "code", "It is away.")).show("rates", VISITOR, QUERY)
    assert ("data-again-ms" in shown.html) is is_tried_again
