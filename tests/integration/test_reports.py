"""Pages of usage and entries."""

from datetime import timedelta

from ledger.ids import new_id
from ledger.pages import Position, Window
from ledger.reports import EntryFilter, UsageFilter, UsageRow
from tests.support.people import Desk, minute


async def calls(desk: Desk, wanted: UsageFilter, limit: int = 1000) -> list[UsageRow]:
    """All of them, page by page."""
    found: list[UsageRow] = []
    below: Position | None = None
    while True:
        page = await desk.reports.usage(wanted, Window(limit=limit, below=below))
        assert len(page.rows) <= limit
        found += page.rows
        below = page.next_position
        if below is None:
            return found


async def test_usage_is_listed_newest_first_in_pages_of_any_size(desk: Desk) -> None:
    """Each call once; calls of the same moment are in the order of their ids."""
    account = await desk.accounts.create("Ada")
    made = [await desk.use(account.account_id, minute(number // 3)) for number in range(20)]
    wanted = UsageFilter(account_id=account.account_id)
    order = [call.request_id for call in await calls(desk, wanted)]
    assert sorted(order) == sorted(made)
    assert order == sorted(made, reverse=True)
    for limit in (1, 2, 3, 7, 20):
        assert [call.request_id for call in await calls(desk, wanted, limit)] == order


async def test_a_cursor_stays_where_it_was_while_rows_are_added(desk: Desk) -> None:
    """No row is shown twice or left out because others came."""
    account = await desk.accounts.create("Ada")
    made = [await desk.use(account.account_id, minute(number)) for number in range(9)]
    wanted = UsageFilter(account_id=account.account_id)
    seen: list[str] = []
    below: Position | None = None
    for number in range(3):
        page = await desk.reports.usage(wanted, Window(limit=3, below=below))
        seen += [call.request_id for call in page.rows]
        below = page.next_position
        for _ in range(4):
            await desk.use(account.account_id, minute(10 + number))
    assert seen == made[::-1]
    assert below is None


async def test_the_truth_is_shown_in_place_of_an_orphans_row(desk: Desk) -> None:
    """Readers see `settled` over `orphan`; an orphan whose truth never came is shown."""
    account = await desk.accounts.create("Ada")
    both, lonely = new_id(), new_id()
    for request_id in (both, lonely):
        await desk.use(
            account.account_id,
            minute(1),
            request_id=request_id,
            kind="orphan",
            status="orphaned",
            charge_mc=900,
        )
    await desk.use(account.account_id, minute(2), request_id=both, charge_mc=700)
    for account_id in (account.account_id, None):
        found = {
            call.request_id: (call.charge_mc, call.status)
            for call in await calls(desk, UsageFilter(account_id=account_id))
            if call.account_id == account.account_id
        }
        assert found == {both: (700, "completed"), lonely: (900, "orphaned")}
    for limit in (1, 2):
        wanted = UsageFilter(account_id=account.account_id)
        order = [call.request_id for call in await calls(desk, wanted, limit)]
        assert order == [both, lonely]


async def test_filters_leave_only_what_was_asked_for(desk: Desk) -> None:
    """By model, key, status and time; `from` is inclusive, `to` exclusive."""
    account, key_id = await desk.accounts.create("Ada"), new_id()
    mine = account.account_id
    by_model = await desk.use(mine, minute(1), model="gpt-4o")
    by_key = await desk.use(mine, minute(2), key_id=key_id)
    by_status = await desk.use(mine, minute(3), status="cut")

    async def found(window: Window | None = None, **filters: str) -> list[str]:
        wanted = UsageFilter(account_id=mine, **filters)
        page = await desk.reports.usage(wanted, window or Window(limit=10))
        return [call.request_id for call in page.rows]

    assert await found(model="gpt-4o") == [by_model]
    assert await found(key_id=key_id) == [by_key]
    assert await found(status="cut") == [by_status]
    assert await found(status="cut", model="gpt-4o") == []
    assert await found(Window(limit=10, start=minute(2))) == [by_status, by_key]
    assert await found(Window(limit=10, end=minute(2))) == [by_model]
    assert await found(Window(limit=10, start=minute(2), end=minute(3))) == [by_key]
    assert await found(Window(limit=10, start=minute(3) + timedelta(microseconds=1))) == []


async def test_entries_are_filtered_by_type_and_paged(desk: Desk) -> None:
    """Movements of one account, newest first."""
    account = await desk.accounts.create("Ada")
    for amount_mc in (1, 2, 3):
        await desk.grant(account.account_id, amount_mc)
    wanted = EntryFilter(account_id=account.account_id, entry_type="grant")
    first = await desk.reports.entries(wanted, Window(limit=2))
    assert [entry.amount_mc for entry in first.rows] == [3, 2]
    rest = await desk.reports.entries(wanted, Window(limit=2, below=first.next_position))
    assert [entry.amount_mc for entry in rest.rows] == [1]
    none = EntryFilter(account_id=account.account_id, entry_type="usage")
    assert list((await desk.reports.entries(none, Window(limit=2))).rows) == []


async def test_g12_no_id_cursor_or_filter_shows_another_account(desk: Desk) -> None:
    """G12: whatever A asks with, B's rows are not in the answer."""
    ada, bob = await desk.account_with(1_000), await desk.account_with(2_000)
    bobs_key = new_id()
    for number in range(5):
        await desk.use(bob.account_id, minute(number), key_id=bobs_key, model="bobs")
    bobs = await desk.reports.usage(UsageFilter(account_id=bob.account_id), Window(limit=2))
    bobs_entries = await desk.reports.entries(
        EntryFilter(account_id=bob.account_id), Window(limit=1)
    )
    assert bobs.next_position
    assert bobs_entries.rows
    for wanted in (
        UsageFilter(account_id=ada.account_id),
        UsageFilter(account_id=ada.account_id, key_id=bobs_key),
        UsageFilter(account_id=ada.account_id, model="bobs"),
    ):
        for below in (None, bobs.next_position):
            page = await desk.reports.usage(wanted, Window(limit=1000, below=below))
            assert list(page.rows) == []
    after_all = Position(bobs_entries.rows[0].posted_at + timedelta(days=1), bobs.next_position.id)
    entries = await desk.reports.entries(
        EntryFilter(account_id=ada.account_id), Window(limit=1000, below=after_all)
    )
    assert [entry.account_id for entry in entries.rows] == [ada.account_id]
