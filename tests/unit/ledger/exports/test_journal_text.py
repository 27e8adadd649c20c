"""What a journal says of an entry, whatever people have written into it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chart import CHART, OPENING
from ledger.entries import Entry
from ledger.exports.journal import JournalStart, JournalWriter, one_line, purpose_of

ACCOUNT = "01936f00-0000-7000-8000-000000000001"


def entry_of(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "entry_id": "01936f00-0000-7000-8000-0000000000aa",
        "transaction_id": "01936f00-0000-7000-8000-0000000000aa",
        "account_id": ACCOUNT,
        "sequence": 2,
        "posted_at": datetime(2026, 11, 30, 23, 59, 59, 999_999, tzinfo=UTC),
        "entry_type": "usage",
        "amount_mc": -1_234,
        "balance_before_mc": 10_000,
        "balance_after_mc": 8_766,
        "counter_account": "revenue:usage:gpt-4o",
        "ref": None,
        "description": "Usage of gpt-4o",
        "receipt_url": None,
        "actor": "writer",
        "corrects": None,
        "expires_at": None,
    }
    return Entry(**{**values, **changes})


def journal_of(*entries: Entry, start: JournalStart | None = None) -> str:
    writer = JournalWriter(start or JournalStart([]), 1000)
    return (writer.head() + writer.rows(entries) + writer.tail()).decode()


def test_a_transaction_balances_and_asserts_what_it_leaves() -> None:
    """G7: what a customer has is owed to that customer."""
    text = journal_of(entry_of())
    assert text.endswith(
        "\n2026-11-30 * Usage of gpt-4o\n"
        "    ; id: 01936f00-0000-7000-8000-0000000000aa\n"
        "    ; type: usage\n"
        "    ; at: 2026-11-30T23:59:59.999999+00:00\n"
        "    ; usd: -0.001234\n"
        "    ; actor: writer\n"
        f"    liabilities:credits:{ACCOUNT}  1.234 CR = -8.766 CR\n"
        "    revenue:usage:gpt-4o  -1.234 CR\n"
    )


def test_a_correction_names_what_it_corrects_and_credits_when_they_expire() -> None:
    """What auditors follow stands in tags."""
    text = journal_of(
        entry_of(
            corrects="01936f00-0000-7000-8000-0000000000bb",
            ref="pi_1",
            transaction_id="01936f00-0000-7000-8000-0000000000cc",
            expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        )
    )
    for tag in (
        "corrects: 01936f00-0000-7000-8000-0000000000bb",
        "ref: pi_1",
        "transaction: 01936f00-0000-7000-8000-0000000000cc",
        "expires: 2027-01-01T00:00:00+00:00",
    ):
        assert f"    ; {tag}\n" in text


def test_the_head_declares_accounts_with_their_purpose_and_opens_what_was_before() -> None:
    """So that strict checks pass, and assertions hold from the middle of a history on."""
    start = JournalStart(
        ["revenue:usage:gpt-4o", f"liabilities:credits:{ACCOUNT}"],
        datetime(2026, 11, 1, tzinfo=UTC),
        {ACCOUNT: 10_000},
    )
    text = journal_of(start=start)
    assert "\naccount revenue:usage:gpt-4o\n    ; earned by calls, by model\n" in text
    assert f"\naccount {OPENING}\n" in text
    assert (
        "\n2026-11-01 * Balance before\n"
        f"    liabilities:credits:{ACCOUNT}  -10.0 CR = -10.0 CR\n"
        "    equity:opening  10.0 CR\n"
    ) in text


@pytest.mark.parametrize("line", CHART)
def test_every_line_of_the_chart_has_its_purpose(line: Any) -> None:
    """The chart of accounts stands in one place."""
    account = f"{line.account}x" if line.account.endswith(":") else line.account
    assert purpose_of(account) == line.purpose


@given(st.text())
def test_no_text_breaks_out_of_its_line(text: str) -> None:
    """A description cannot end its line, begin a comment, a posting or a date."""
    shown = one_line(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f;|,\[\]\u2028\u2029]|  ", shown)
    assert shown == shown.strip()


@pytest.mark.parametrize("text", ["(unclosed", "(ticket 5) paid back"])
def test_a_description_is_never_read_as_a_code(text: str) -> None:
    """An empty code before it: one that is not closed would end the reading of the journal."""
    assert f"2026-11-30 * () {text}\n" in journal_of(entry_of(description=text))
    assert "2026-11-30 * Paid (ticket 5)\n" in journal_of(entry_of(description="Paid (ticket 5)"))


@given(st.text(), st.text(), st.text())
def test_hostile_texts_leave_as_many_lines_as_harmless_ones(
    description: str, ref: str, actor: str
) -> None:
    """Whatever people write, a transaction has the lines that it must have."""
    hostile = journal_of(entry_of(description=description, ref=ref, actor=actor))
    postings = [line for line in hostile.split("\n") if line.startswith("    ") and "CR" in line]
    assert f"    liabilities:credits:{ACCOUNT}  1.234 CR = -8.766 CR" in postings
    assert "    revenue:usage:gpt-4o  -1.234 CR" in postings
