"""The arithmetic of an account's entries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import AccountState, BalanceLimitError, append_entry, take_sync_number
from pricing.money import LARGEST_MC

AMOUNTS = st.integers(-(10**12), 10**12).filter(bool)
NEW = AccountState(balance_mc=0, last_sequence=0, last_sync_number=0)


@given(st.lists(AMOUNTS, max_size=50))
def test_entries_form_one_unbroken_chain_that_ends_at_the_balance(amounts: list[int]) -> None:
    """G6: each entry begins where the last one ended, and is numbered after it."""
    state, links = NEW, []
    for amount_mc in amounts:
        state, link = append_entry(state, amount_mc)
        links.append(link)
    befores = [0, *(link.after_mc for link in links)]
    assert [link.before_mc for link in links] == befores[:-1]
    assert [link.after_mc - link.before_mc for link in links] == amounts
    assert [link.sequence for link in links] == list(range(1, len(amounts) + 1))
    assert (state.balance_mc, state.last_sequence) == (sum(amounts), len(amounts))


def test_an_entry_takes_no_sync_number_and_a_sync_number_makes_no_entry() -> None:
    """What Redis has taken itself is not told to it again."""
    after_entry, _ = append_entry(NEW, 5)
    assert after_entry.last_sync_number == 0
    after_sync, number = take_sync_number(after_entry)
    assert (number, after_sync) == (1, AccountState(5, 1, 1))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_balance_that_redis_cannot_count_exactly_is_refused(sign: int) -> None:
    """Amounts stay below 2^53."""
    state, link = append_entry(NEW, sign * LARGEST_MC)
    assert link.after_mc == sign * LARGEST_MC
    with pytest.raises(BalanceLimitError, match="must stay within"):
        append_entry(state, sign)


def test_an_entry_of_nothing_is_refused() -> None:
    """Every entry moves a balance."""
    with pytest.raises(ValueError, match="moves something"):
        append_entry(NEW, 0)
