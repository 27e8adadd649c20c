"""What customers may set: what is unset stays, and whatever cannot be is named."""

import pytest

from billing.customer_settings import (
    NO_CARD,
    BadSettingError,
    CustomerSettings,
    Recharge,
    RechargeWish,
    SettingsWish,
    after,
)
from config.packages import load_packages
from config.settings import DEFAULT_FOLDER
from ledger.texts import BadTextError
from pricing.money import LARGEST_MC

PACKAGES = load_packages(DEFAULT_FOLDER)
URL = "https://credits.example.com/console"
BARE = CustomerSettings(account_id="a")
WITH_CARD = CustomerSettings(account_id="a", customer_id="cus_1", payment_method_id="pm_1")
WISH = RechargeWish(
    enabled=True, below_mc=1_000_000, package_id="starter", monthly_limit_cents=5_000
)


def put(current: CustomerSettings, **wished: object) -> CustomerSettings:
    return after(current, SettingsWish(**wished), PACKAGES, URL)


def recharged(current: CustomerSettings, **wished: object) -> Recharge:
    return put(current, recharge=RechargeWish(**wished)).recharge


def test_what_is_unset_stays_and_none_is_the_default() -> None:
    """Settings: a change names what it changes."""
    settings = put(put(BARE, low_balance_mc=5, email=" ada@example.com "), recharge=WISH)
    assert (settings.low_balance_mc, settings.email) == (5, "ada@example.com")
    assert put(settings) == settings
    assert put(settings, low_balance_mc=None, email=None).low_balance_mc is None
    assert put(settings, low_balance_mc=0).low_balance_mc == 0


def test_automatic_recharge_begins_with_a_card() -> None:
    """Auto-recharge: on with a card; without one it waits, and says for what."""
    assert put(WITH_CARD, recharge=WISH).recharge == Recharge(
        state="active", below_mc=1_000_000, package_id="starter", monthly_limit_cents=5_000
    )
    waiting = put(BARE, recharge=WISH).recharge
    assert (waiting.state, waiting.reason, waiting.action_url) == ("paused", NO_CARD, URL)


def test_only_who_says_so_goes_on_after_a_pause() -> None:
    """Auto-recharge: another change does not charge a card that was declined again."""
    paused = Recharge(
        state="paused",
        below_mc=1,
        package_id="starter",
        monthly_limit_cents=5_000,
        reason="Your card was declined.",
        action_url=URL,
    )
    current = CustomerSettings(account_id="a", payment_method_id="pm_1", recharge=paused)
    changed = recharged(current, below_mc=2)
    assert (changed.state, changed.reason, changed.below_mc) == ("paused", paused.reason, 2)
    assert recharged(current, enabled=True).state == "active"
    assert recharged(current, enabled=True).reason is None
    assert recharged(current, enabled=False) == Recharge(
        below_mc=1, package_id="starter", monthly_limit_cents=5_000
    )
    assert put(current, low_balance_mc=3).recharge == paused


@pytest.mark.parametrize(
    ("wished", "field", "reason"),
    [
        ({"low_balance_mc": -1}, "lowBalanceThresholdCredits", "must be from 0 to"),
        ({"low_balance_mc": LARGEST_MC + 1}, "lowBalanceThresholdCredits", "must be from 0 to"),
        ({"recharge": RechargeWish(below_mc=-1)}, "autoRecharge.thresholdCredits", "from 0 to"),
        ({"recharge": RechargeWish(package_id="none")}, "autoRecharge.packageId", "starter, "),
        (
            {"recharge": RechargeWish(monthly_limit_cents=0)},
            "autoRecharge.monthlyLimitUsd",
            "must be from 0.01 to",
        ),
        (
            {"recharge": RechargeWish(package_id="starter", monthly_limit_cents=998)},
            "autoRecharge.monthlyLimitUsd",
            "must be from 9.99, the price of Starter, to",
        ),
        ({"recharge": RechargeWish(enabled=True)}, "autoRecharge.thresholdCredits", "is required"),
        (
            {"recharge": RechargeWish(enabled=True, below_mc=1)},
            "autoRecharge.packageId",
            "is required",
        ),
        (
            {"recharge": RechargeWish(enabled=True, below_mc=1, package_id="starter")},
            "autoRecharge.monthlyLimitUsd",
            "is required",
        ),
    ],
)
def test_what_cannot_be_is_named(wished: dict[str, object], field: str, reason: str) -> None:
    """Settings: the field as the API calls it, and what would be right."""
    with pytest.raises(BadSettingError) as raised:
        put(WITH_CARD, **wished)
    assert raised.value.field == field
    assert reason in raised.value.reason


def test_an_address_that_is_none_is_named() -> None:
    """Settings: an e-mail looks like name@host."""
    with pytest.raises(BadTextError) as raised:
        put(BARE, email="ada")
    assert raised.value.field == "email"
