"""Automatic recharge when people change their mind, and when other things change."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from billing import stripe_client
from billing.card_setup import CardSetup
from billing.customer_settings import BadSettingError, RechargeWish, SettingsWish
from billing.disputes import Disputes
from billing.low_balance import MOST_A_DAY, LowBalance
from billing.outbox import Outbox
from billing.settings import BillingSettings, forget_card
from billing.stripe_objects import BadObjectError, PaymentMethod
from billing.sync import BillingSync
from ledger.database import transaction
from tests.support.books import Customer
from tests.support.recharge_world import (
    BELOW_MC,
    PACKAGES,
    TOP_UP_URL,
    RechargeWorld,
)


async def take_back(world: RechargeWorld, customer: Customer, what: str) -> None:
    [payment, *_] = await world.payments(customer)
    url = f"{world.url}/pretend/payments/{payment['id']}/{what}"
    async with world.session.post(url, json={}) as answer:
        assert answer.status == 200, await answer.text()
    since = datetime.now(UTC) - timedelta(hours=1)
    if what == "refund":
        async for refund in world.api.refunds_since(since):
            async with transaction(world.books.pool) as connection:
                await world.takings.take_refund(connection, refund)
        return
    async for dispute in world.api.disputes_since(since):
        async with transaction(world.books.pool) as connection:
            await world.takings.take_dispute(connection, dispute, "charge.dispute.funds_withdrawn")


@pytest.mark.parametrize("what", ["refund", "dispute"])
async def test_who_took_their_money_back_is_not_charged_again(
    world: RechargeWorld, what: str
) -> None:
    """Auto-recharge: a refund or a dispute pauses it; the customer alone turns it on again."""
    customer = await world.customer(amount_mc=BELOW_MC - 1)
    assert await world.run() == 1
    await take_back(world, customer, what)
    assert await world.run() == 0
    assert len(await world.payments(customer)) == 1
    recharge = (await world.settings.get(customer.account_id)).recharge
    assert (recharge.state, recharge.action_url) == ("paused", TOP_UP_URL)
    await world.put(customer)
    assert await world.run() == 1
    assert len(await world.payments(customer)) == 2


@pytest.mark.parametrize("is_dearer", [True, False])
async def test_it_can_be_switched_off_whatever_is_for_sale(
    world: RechargeWorld, *, is_dearer: bool
) -> None:
    """Auto-recharge: a package that is gone or dearer than the limit keeps nobody in it."""
    customer = await world.customer(limit_cents=1000)
    dearer = msgspec.structs.replace(PACKAGES["starter"], price_cents=1999)
    packages = {**PACKAGES, "starter": dearer}
    if not is_dearer:
        del packages["starter"]
    settings = BillingSettings(world.books.pool, packages, top_up_url=TOP_UP_URL)
    off = SettingsWish(recharge=RechargeWish(enabled=False))
    assert (await settings.put(customer.account_id, off)).recharge.state == "off"
    on = SettingsWish(recharge=RechargeWish(enabled=True))
    with pytest.raises(BadSettingError):
        await settings.put(customer.account_id, on)


async def test_a_customer_that_stripe_does_not_know_any_more_is_made_anew(
    world: RechargeWorld,
) -> None:
    """Auto-recharge: after going live, or after a deletion in the dashboard, cards can be saved."""
    customer = await world.customer()
    await world.books.execute(
        "update billing_settings set stripe_customer_id = 'cus_of_test_mode' "
        f"where account_id = '{customer.account_id}'"
    )
    setup = CardSetup(world.api, world.books.pool, page_url=TOP_UP_URL)
    assert "/c/pay/" in await setup.begin(customer.account_id)
    settings = await world.settings.get(customer.account_id)
    assert settings.customer_id not in (None, "cus_of_test_mode")
    assert (settings.has_card, settings.recharge.state) == (False, "paused")


async def test_a_saved_card_of_which_no_event_came_is_found(world: RechargeWorld) -> None:
    """Never lost: a card whose webhook never came is found by the sync; a gone one stays gone."""
    customer = await world.books.customer()
    setup = CardSetup(world.api, world.books.pool, page_url=TOP_UP_URL)
    session_id = (await setup.begin(customer.account_id)).rsplit("/", 1)[1]
    async with world.session.post(f"{world.url}/pretend/sessions/{session_id}/pay", json={}) as a:
        assert a.status == 200
    sync = BillingSync(
        *(world.books.pool, world.api, world.takings, Disputes(refuse_calls=False)),
        world.books.working_copy,
    )
    await sync.run()
    settings = await world.settings.get(customer.account_id)
    assert settings.payment_method_id is not None
    await world.ask("POST", f"/v1/payment_methods/{settings.payment_method_id}/detach")
    async with transaction(world.books.pool) as connection:
        await forget_card(connection, settings.payment_method_id)
    await sync.run()
    assert (await world.settings.get(customer.account_id)).payment_method_id is None


async def test_a_card_that_is_gone_is_told_once_with_a_link(world: RechargeWorld) -> None:
    """Auto-recharge: paused with a message and a link, told once."""
    customer = await world.customer(amount_mc=BELOW_MC)
    await world.settings.put(customer.account_id, SettingsWish(email="ada@example.com"))
    settings = await world.settings.get(customer.account_id)
    async with transaction(world.books.pool) as connection:
        await forget_card(connection, settings.payment_method_id or "")
    for _ in range(2):
        await world.run()
    recharge = (await world.settings.get(customer.account_id)).recharge
    assert (recharge.state, recharge.action_url) == ("paused", TOP_UP_URL)
    rows = await world.books.rows(
        "select kind from notices where account_id = $1", customer.account_id
    )
    assert [row["kind"] for row in rows] == ["auto_recharge_paused"]


async def test_moving_the_threshold_to_and_fro_does_not_flood_an_address(
    world: RechargeWorld,
) -> None:
    """Low balance: a customer cannot have any number of e-mails sent to somebody else."""
    customer = await world.books.customer(1_000_000)
    outbox = Outbox(sends_emails=True, sends_webhooks=False)
    low = LowBalance(world.books.pool, outbox, default_credits=500, top_up_url=TOP_UP_URL)
    await world.settings.put(customer.account_id, SettingsWish(email="victim@example.com"))
    for _ in range(MOST_A_DAY + 5):
        for threshold_mc in (9_000_000_000, 0):
            wish = SettingsWish(low_balance_mc=threshold_mc)
            await world.settings.put(customer.account_id, wish)
            await low.run_once()
    rows = await world.books.rows(
        "select id from notices where account_id = $1", customer.account_id
    )
    assert len(rows) == MOST_A_DAY


async def test_an_old_attempt_is_not_taken_for_unknown_where_a_payment_cannot_be_read(
    world: RechargeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auto-recharge: it could be that very payment; nothing is charged before that is known."""
    customer = await world.customer()
    await world.run_unheard()
    await world.all_due(older_by="30")

    def unreadable(*_: object) -> None:
        raise BadObjectError("it is of another world")

    with monkeypatch.context() as patch:
        patch.setattr(stripe_client, "read_object", unreadable)
        assert await world.run() == 1
    assert await world.purchases(customer) == [("created", None)]
    assert len(await world.payments(customer)) == 1


async def test_a_card_that_stripe_does_not_show_is_asked_for_once(
    world: RechargeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auto-recharge: a card of the other mode, or that is gone, is no reason to ask on and on."""
    customer = await world.customer()
    await world.books.execute(
        "update billing_settings set stripe_payment_method_id = 'pm_of_the_other_mode'"
        " where account_id = $1",
        customer.account_id,
    )
    asked = count_asked_for_cards(world, monkeypatch)
    for _ in range(3):
        await world.recharge._setup.learn_cards()
    assert asked.count("pm_of_the_other_mode") == 1
    settings = await world.settings.get(customer.account_id)
    assert (settings.has_card, settings.card_brand, settings.card_last4) == (True, "card", None)


async def test_cards_wait_while_stripe_is_away(
    world: RechargeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auto-recharge: recharges do not wait for each card of which nothing is shown yet."""
    # What other tests have left.
    await world.books.execute("update billing_settings set card_brand = 'visa'")
    for _ in range(3):
        await world.customer()
    await world.turn("api", fail_next=99)
    asked = count_asked_for_cards(world, monkeypatch)
    await world.recharge._setup.learn_cards()
    assert len(asked) == 1
    await world.turn("api")
    await world.recharge._setup.learn_cards()
    assert len(asked) == 4


def count_asked_for_cards(world: RechargeWorld, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    ask = world.api.payment_method

    async def counted(payment_method_id: str) -> PaymentMethod:
        asked.append(payment_method_id)
        return await ask(payment_method_id)

    monkeypatch.setattr(world.api, "payment_method", counted)
    return asked
