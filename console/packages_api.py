"""What can be bought, for client apps and the Credits page: `GET /v1/credits/packages`."""

from collections.abc import Iterable

import msgspec
from aiohttp import web

from billing.customer_settings import usd_of_cents
from console.handling import answering_errors
from console.json import Json, amount, answer
from pricing.packages import BASIS_POINTS, Offer

CURRENCY = "usd"


class PackagesApi:
    """Shows the offers as the operator's files make them; each price buys what is said here."""

    def __init__(self, offers: Iterable[Offer], credits_per_usd: int) -> None:
        self._content: Json = {
            "data": [offer_shape(offer) for offer in offers],
            "nextCursor": None,
            "creditsPerUsd": credits_per_usd,
            "currency": CURRENCY,
        }

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application, behind authentication by key."""
        return [web.get("/v1/credits/packages", answering_errors(self._show))]

    async def _show(self, _request: web.Request) -> web.Response:
        return answer(self._content)


def offer_shape(offer: Offer) -> Json:
    """A package: its price and the credits that it gives, exact."""
    package = offer.package
    return {
        "packageId": package.package_id,
        "label": package.label,
        "tag": package.tag,
        "priceUsd": cents_number(package.price_cents),
        "priceCents": package.price_cents,
        "bonusPercent": percent_number(package.bonus_basis_points),
        **amount("base", offer.base_mc),
        **amount("bonus", offer.bonus_mc),
        **amount("total", offer.total_mc),
        "rounded": offer.is_rounded_up,
    }


def cents_number(cents: int) -> msgspec.Raw:
    """US dollars as a JSON number with two decimals, digit by digit."""
    return msgspec.Raw(usd_of_cents(cents).encode())


def percent_number(basis_points: int) -> msgspec.Raw:
    """Hundredths of a percent as a JSON number of percent, digit by digit: `5`, `7.5`."""
    return msgspec.Raw(percent_text(basis_points).encode())


def percent_text(basis_points: int) -> str:
    """Percent with as many decimals as there are: `5`, `7.5`."""
    whole, rest = divmod(basis_points, BASIS_POINTS // 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
