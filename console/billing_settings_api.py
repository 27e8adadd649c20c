"""What customers set for their credits: threshold, e-mail, automatic recharge, a saved card."""

import re
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
from aiohttp import web
from msgspec import UNSET, UnsetType

from billing.customer_settings import CustomerSettings, Recharge, RechargeWish, SettingsWish
from billing.settings import BillingSettings
from console.bodies import credits_of, read_body
from console.errors import ApiError
from console.handling import answering_errors, bad_value
from console.identity import IDENTITY
from console.json import Json, amount, answer
from console.packages_api import cents_number
from pricing.money import MILLICREDITS
from pricing.packages import CENTS_PER_USD


class KnowsLimits(Protocol):
    """Which keys have monthly limits."""

    async def has_limit(self, account_id: str, key_id: str) -> bool:
        """Whether an account's key has one."""


# The address of Stripe's page on which an account's customer saves a card.
BeginSetup = Callable[[str], Awaitable[str]]

_NULL = b"null"
_USD = re.compile(r"(?P<dollars>[0-9]{1,9})(\.(?P<cents>[0-9]{1,2}))?")


class RechargeBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What is wished of automatic recharge; what is left out stays as it is."""

    enabled: bool | UnsetType = UNSET
    threshold_credits: msgspec.Raw = msgspec.Raw()
    package_id: str | UnsetType | None = UNSET
    monthly_limit_usd: msgspec.Raw = msgspec.Raw()


class SettingsBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What is wished; what is left out stays, null goes back to the operator's default."""

    low_balance_threshold_credits: msgspec.Raw = msgspec.Raw()
    email: str | UnsetType | None = UNSET
    auto_recharge: RechargeBody | UnsetType = UNSET


class BillingSettingsApi:
    """Needs `request[IDENTITY]`: the settings of that account.

    A key with a monthly limit reads them only, as on the Credits page.
    """

    def __init__(
        self,
        settings: BillingSettings,
        begin_setup: BeginSetup,
        limits: KnowsLimits,
        *,
        default_credits: int,
    ) -> None:
        self._limits = limits
        self._settings = settings
        self._begin_setup = begin_setup
        self._default_mc = default_credits * MILLICREDITS

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application, behind authentication by key."""
        return [
            web.get("/v1/credits/settings", answering_errors(self._show)),
            web.put("/v1/credits/settings", answering_errors(self._change)),
            web.post("/v1/credits/auto-recharge/setup", answering_errors(self._set_up)),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        settings = await self._settings.get(request[IDENTITY].account_id)
        return answer(settings_shape(settings, self._default_mc))

    async def _change(self, request: web.Request) -> web.Response:
        await self._refuse_limited(request)
        wish = _wish(await read_body(request, SettingsBody))
        settings = await self._settings.put(request[IDENTITY].account_id, wish)
        return answer(settings_shape(settings, self._default_mc))

    async def _set_up(self, request: web.Request) -> web.Response:
        await self._refuse_limited(request)
        url = await self._begin_setup(request[IDENTITY].account_id)
        return answer({"url": url})

    async def _refuse_limited(self, request: web.Request) -> None:
        who = request[IDENTITY]
        if who.key_id and await self._limits.has_limit(who.account_id, who.key_id):
            message = "A key with a monthly limit cannot change settings or cards."
            raise ApiError(403, "key_is_limited", message)


def settings_shape(settings: CustomerSettings, default_mc: int) -> Json:
    """What is set: the threshold and the address that count, and whether they are its own."""
    own_mc = settings.low_balance_mc
    card = {"brand": settings.card_brand, "last4": settings.card_last4}
    return {
        **amount("lowBalanceThreshold", default_mc if own_mc is None else own_mc),
        "lowBalanceThresholdIsDefault": own_mc is None,
        "email": settings.email or settings.account_email,
        "emailIsDefault": settings.email is None,
        "card": card if settings.has_card else None,
        "autoRecharge": _recharge_shape(settings.recharge),
    }


def _recharge_shape(recharge: Recharge) -> Json:
    below_mc, limit_cents = recharge.below_mc, recharge.monthly_limit_cents
    no_threshold = {"thresholdMillicredits": None, "thresholdCredits": None}
    return {
        "enabled": recharge.state != "off",
        "state": recharge.state,
        **(no_threshold if below_mc is None else amount("threshold", below_mc)),
        "packageId": recharge.package_id,
        "monthlyLimitUsd": None if limit_cents is None else cents_number(limit_cents),
        "monthlyLimitCents": limit_cents,
        "reason": recharge.reason,
        "actionUrl": recharge.action_url,
    }


def _wish(body: SettingsBody) -> SettingsWish:
    wished = body.auto_recharge
    return SettingsWish(
        low_balance_mc=_credits(body.low_balance_threshold_credits, "lowBalanceThresholdCredits"),
        email=body.email,
        recharge=RechargeWish() if isinstance(wished, UnsetType) else _recharge_wish(wished),
    )


def _recharge_wish(body: RechargeBody) -> RechargeWish:
    return RechargeWish(
        enabled=body.enabled,
        below_mc=_credits(body.threshold_credits, "autoRecharge.thresholdCredits"),
        package_id=body.package_id,
        monthly_limit_cents=_cents(body.monthly_limit_usd, "autoRecharge.monthlyLimitUsd"),
    )


def _credits(raw: msgspec.Raw, field: str) -> int | UnsetType | None:
    text = bytes(raw)
    if not text:
        return UNSET
    return None if text == _NULL else credits_of(raw, field)


def _cents(raw: msgspec.Raw, field: str) -> int | UnsetType | None:
    text = bytes(raw)
    if not text:
        return UNSET
    if text == _NULL:
        return None
    found = _USD.fullmatch(text.decode(errors="replace").strip('"'))
    if not found:
        raise bad_value(field, "must be US dollars with at most two decimals, like 150.00")
    return int(found["dollars"]) * CENTS_PER_USD + int((found["cents"] or "").ljust(2, "0"))
