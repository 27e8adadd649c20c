"""The arithmetic of an account's entries: an unbroken chain of balances. Pure."""

import msgspec

from pricing.money import LARGEST_MC, credits_text


class BalanceLimitError(Exception):
    """A balance would leave the range in which Redis counts exactly."""

    def __init__(self, balance_mc: int) -> None:
        super().__init__(
            f"the balance would be {credits_text(balance_mc)} credits; "
            f"it must stay within ±{credits_text(LARGEST_MC)}"
        )
        self.balance_mc = balance_mc


class AccountState(msgspec.Struct, frozen=True):
    """What the next entry of an account follows on."""

    balance_mc: int
    last_sequence: int
    last_sync_number: int


class Link(msgspec.Struct, frozen=True):
    """The place of an entry in its account's chain; amounts in millicredits."""

    sequence: int
    amount_mc: int
    before_mc: int
    after_mc: int


def append_entry(state: AccountState, amount_mc: int) -> tuple[AccountState, Link]:
    """The account after one more entry, and the entry's place.

    Raises:
        BalanceLimitError: the balance would become too large to be counted exactly.
    """
    if amount_mc == 0:
        raise ValueError("an entry moves something")
    after_mc = state.balance_mc + amount_mc
    if abs(after_mc) > LARGEST_MC:
        raise BalanceLimitError(after_mc)
    link = Link(
        sequence=state.last_sequence + 1,
        amount_mc=amount_mc,
        before_mc=state.balance_mc,
        after_mc=after_mc,
    )
    return AccountState(after_mc, link.sequence, state.last_sync_number), link


def take_sync_number(state: AccountState) -> tuple[AccountState, int]:
    """The account after one more sync, and that sync's number."""
    number = state.last_sync_number + 1
    return AccountState(state.balance_mc, state.last_sequence, number), number
