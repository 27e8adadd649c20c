"""What can be bought."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from console.page.query import PageQuery
from console.page.visitor import Visitor
from pricing.packages import Offer


class PackagesPart:
    """The offers. Each time that they are shown, one click on one of them is one checkout."""

    name = "packages"
    title = "Packages"

    def __init__(self, offers: Sequence[Offer], *, can_buy: bool) -> None:
        self._offers = offers
        self._can_buy = can_buy

    async def load(self, visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        return {
            "offers": self._offers,
            "can_buy": self._can_buy and visitor.may_change,
            "is_closed": not self._can_buy,
            "request_key": str(uuid4()),
        }
