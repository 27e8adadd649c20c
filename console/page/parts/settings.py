"""What customers set: threshold, e-mail, automatic recharge, the card for it."""

from collections.abc import Mapping, Sequence

from billing.settings import BillingSettings
from console.page.query import PageQuery
from console.page.visitor import Visitor
from pricing.money import MILLICREDITS
from pricing.packages import Offer


class SettingsPart:
    """The forms; a wrong one comes back with what was typed and what is wrong."""

    name = "settings"
    title = "Settings"

    def __init__(
        self,
        settings: BillingSettings,
        offers: Sequence[Offer],
        *,
        default_credits: int,
        can_buy: bool,
    ) -> None:
        self._settings = settings
        self._offers = offers
        self._default_mc = default_credits * MILLICREDITS
        self._can_buy = can_buy

    async def load(self, visitor: Visitor, _query: PageQuery) -> Mapping[str, object]:
        settings = await self._settings.get(visitor.account_id)
        own_mc = settings.low_balance_mc
        return {
            "settings": settings,
            "recharge": settings.recharge,
            "threshold_mc": self._default_mc if own_mc is None else own_mc,
            "default_mc": self._default_mc,
            "offers": self._offers,
            "can_buy": self._can_buy,
            "typed": {},
            "wrong": {},
        }
