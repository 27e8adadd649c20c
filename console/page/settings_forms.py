"""The forms for threshold, e-mail and automatic recharge."""

from collections.abc import Mapping

from aiohttp import web
from msgspec import UNSET

from billing.customer_settings import BadSettingError, RechargeWish, SettingsWish
from billing.settings import BillingSettings
from console.page.credits_page import CreditsPage
from console.page.forms import Form, FormError, done
from console.page.guard import CUSTOMERS, Guard
from console.page.parts.settings import SettingsPart
from console.page.query import PageQuery
from console.page.visitor import Visitor
from ledger.texts import BadTextError

# Which field of the form a setting of the API is.
_FIELDS: Mapping[str, str] = {
    "lowBalanceThresholdCredits": "threshold",
    "email": "email",
    "autoRecharge.thresholdCredits": "recharge_below",
    "autoRecharge.packageId": "recharge_package",
    "autoRecharge.monthlyLimitUsd": "recharge_limit",
}


class SettingsForms:
    """Saves what is right; what is wrong comes back beside its field, with all that was typed."""

    def __init__(self, guard: Guard, page: CreditsPage, settings: BillingSettings) -> None:
        self._guard = guard
        self._page = page
        self._settings = settings

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        guard = self._guard
        return [
            *guard.routes("POST", "/settings", guard.manage(self._save), (CUSTOMERS,)),
            *guard.routes("POST", "/auto-recharge", guard.manage(self._recharge), (CUSTOMERS,)),
        ]

    async def _save(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        form = await Form.of(request)
        try:
            wish = SettingsWish(
                low_balance_mc=form.amount_mc("threshold"), email=form.text("email") or None
            )
            await self._settings.put(visitor.account_id, wish)
        except (FormError, BadSettingError, BadTextError) as error:
            return await self._wrong(visitor, form, error)
        return done(visitor.base, "settings", SettingsPart.name)

    async def _recharge(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        form = await Form.of(request)
        try:
            wish = SettingsWish(recharge=_recharge_wish(form))
            await self._settings.put(visitor.account_id, wish)
        except (FormError, BadSettingError, BadTextError) as error:
            return await self._wrong(visitor, form, error)
        return done(visitor.base, "recharge", SettingsPart.name)

    async def _wrong(
        self, visitor: Visitor, form: Form, error: FormError | BadSettingError | BadTextError
    ) -> web.Response:
        wrong = {_FIELDS.get(error.field, error.field): error.reason}
        shown = {SettingsPart.name: {"typed": form.typed, "wrong": wrong}}
        return await self._page.answer(visitor, PageQuery({}), status=400, extra=shown)


def _recharge_wish(form: Form) -> RechargeWish:
    """An empty field leaves what was set before."""
    below_mc, cents = form.amount_mc("recharge_below"), form.cents("recharge_limit")
    return RechargeWish(
        enabled=form.text("recharge_enabled") == "on",
        below_mc=UNSET if below_mc is None else below_mc,
        package_id=form.text("recharge_package") or UNSET,
        monthly_limit_cents=UNSET if cents is None else cents,
    )
