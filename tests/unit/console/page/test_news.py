"""What the page says of a purchase that is not to be found."""

from typing import NoReturn

from billing.errors import PurchaseUnknownError, StripeUnavailableError
from console.page.parts.news import NewsPart
from console.page.query import PageQuery
from console.page.visitor import Visitor

VISITOR = Visitor(account_id="01a2257c", way="link", token="a token")


class LateReturns:
    """Slow at first; then it turns out that there is no such purchase, or it is another's."""

    async def look_own(self, *_asked: str | None) -> NoReturn:
        raise StripeUnavailableError("no answer yet")

    async def kept(self, _account_id: str, purchase_id: str) -> NoReturn:
        raise PurchaseUnknownError(purchase_id)


async def test_a_purchase_that_turns_out_to_be_unknown_is_no_news() -> None:
    """G12: the same as one that nobody has, however late that is known."""
    part = NewsPart(LateReturns(), LateReturns())  # type: ignore[arg-type]
    shown = await part.load(VISITOR, PageQuery({"checkout": "01a2257d"}))
    assert (shown["purchase"], shown["state"]) == (None, None)
