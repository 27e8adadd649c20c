"""Automatic recharges are claimed one by one: what is asked for is still to be asked for."""

import pytest

from billing.auto_recharge import AutoRecharge
from tests.support.books import Customer
from tests.support.recharge_world import RechargeWorld


async def begun(world: RechargeWorld, count: int) -> list[Customer]:
    """Customers whose recharges are written down and not asked for yet, in that order."""
    customers = [await world.customer() for _ in range(count)]
    await world.recharge._setup.learn_cards()
    for candidate in await world.recharge._needy():
        assert await world.recharge._store.begin(candidate) is not None
    for number, customer in enumerate(customers):
        await world.books.execute(
            "update recharge_attempts set next_attempt_at = now() - $2 * interval '1 minute'"
            " where purchase_id in (select id from purchases where account_id = $1)",
            *(customer.account_id, 9 - number),
        )
    return customers


async def test_what_is_switched_off_while_another_is_asked_for_is_not_charged(
    world: RechargeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auto-recharge: Stripe may be slow for one, and people change their mind meanwhile."""
    first, second = await begun(world, 2)
    ask_for = AutoRecharge._ask_for

    async def slow(self: AutoRecharge, recharging: object) -> None:
        await world.put(second, enabled=False)
        await ask_for(self, recharging)  # type: ignore[arg-type]

    monkeypatch.setattr(AutoRecharge, "_ask_for", slow)
    await world.run()
    assert len(await world.payments(first)) == 1
    assert await world.payments(second) == []


async def test_what_another_process_has_given_up_meanwhile_is_not_charged(
    world: RechargeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auto-recharge: never two charges for one crossing, however slow a process is."""
    _, second = await begun(world, 2)
    ask_for = AutoRecharge._ask_for
    is_first = True

    async def slow(self: AutoRecharge, recharging: object) -> None:
        nonlocal is_first
        if is_first:
            is_first = False
            await world.put(second, enabled=False)
            await world.all_due()
            await world.run()  # another process: it drops the second one
            await world.put(second)
            await world.run()  # and begins anew
        await ask_for(self, recharging)  # type: ignore[arg-type]

    monkeypatch.setattr(AutoRecharge, "_ask_for", slow)
    await world.run()
    assert [status for status, _ in await world.purchases(second)] == ["failed", "paid"]
    assert len(await world.payments(second)) == 1
