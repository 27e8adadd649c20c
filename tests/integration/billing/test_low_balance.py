"""Low balances: told once for each time that an account falls, over real SMTP and HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest

from billing.customer_settings import SettingsWish
from billing.low_balance import LowBalance
from billing.notices import MOST_ATTEMPTS, Notices, open_notices, outbox_of
from billing.settings import BillingSettings
from config.packages import load_packages
from config.secrets import Secrets
from config.settings import DEFAULT_FOLDER, Settings, load_settings
from tests.support.books import Books, Customer
from tests.support.mail_sink import MailSink, open_mail_sink
from tests.support.notice_receiver import SECRET, NoticeReceiver, open_notice_receiver

TOP_UP_URL = "https://credits.example.com/console"
THRESHOLD_MC = 500_000


@dataclass
class Desk:
    """Who looks at balances, who tells, and who is told."""

    books: Books
    mail: MailSink
    receiver: NoticeReceiver
    settings: Settings
    notices: Notices

    def look(self) -> LowBalance:
        return LowBalance(
            self.books.pool,
            outbox_of(self.settings),
            default_credits=self.settings.low_balance_credits,
            top_up_url=TOP_UP_URL,
        )

    async def customer(self, amount_mc: int = 0) -> Customer:
        customer = await self.books.customer(amount_mc)
        await self.books.execute(
            "update accounts set email = 'ada@example.com' where id = $1", customer.account_id
        )
        return customer

    async def told(self) -> int:
        """Looks once and sends what is due; how many were taken."""
        await self.look().run_once()
        return await self.notices.send_due()

    async def all_due(self) -> None:
        await self.books.execute(
            "update notices set next_attempt_at = now() where sent_at is null "
            "and next_attempt_at <> 'infinity'"
        )


@asynccontextmanager
async def opened_desk(books: Books, **changes: object) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        mail = await stack.enter_async_context(open_mail_sink())
        receiver = await stack.enter_async_context(open_notice_receiver())
        given = {
            "smtp_host": "127.0.0.1",
            "smtp_port": mail.port,
            "smtp_security": "none",
            "smtp_from": "credits@tollgate.example",
            "notice_webhook_url": receiver.url,
            **changes,
        }
        settings = msgspec.structs.replace(load_settings(DEFAULT_FOLDER, {}), **given)
        secrets = Secrets(
            database_url="",
            redis_url="",
            admin_token="",
            key_secret=b"",
            upstream_keys={},
            notice_webhook_secret=SECRET,
        )
        notices = await stack.enter_async_context(open_notices(settings, secrets, books.pool))
        yield Desk(books, mail, receiver, settings, notices)


@pytest.fixture
async def desk(books: Books) -> AsyncIterator[Desk]:
    # Other tests' accounts and notices are not this one's.
    await books.execute("update notices set sent_at = now() where sent_at is null")
    async with opened_desk(books) as opened:
        await opened.look().run_once()
        await books.execute("update notices set sent_at = now() where sent_at is null")
        yield opened


async def test_who_falls_under_the_threshold_is_told_once(desk: Desk) -> None:
    """Low balance: one e-mail and one webhook for each crossing, however often it is looked."""
    customer = await desk.customer(THRESHOLD_MC)
    assert await desk.told() == 0
    await desk.books.post(customer.account_id, -1)
    assert await desk.told() == 2
    await desk.books.post(customer.account_id, -1)
    assert await desk.told() == 0
    [letter] = desk.mail.letters
    assert (letter.sender, letter.recipients) == ("credits@tollgate.example", ["ada@example.com"])
    assert letter.message["Subject"] == "Low balance: 499.999 credits left"
    assert TOP_UP_URL in letter.message.get_content()
    [notice] = desk.receiver.taken
    assert notice["type"] == "low_balance"
    assert notice["accountId"] == customer.account_id
    assert notice["data"]["balanceMillicredits"] == "499999"
    assert notice["data"]["thresholdMillicredits"] == "500000"


async def test_who_falls_again_is_told_again(desk: Desk) -> None:
    """Low balance: above the threshold a crossing is over."""
    customer = await desk.customer(THRESHOLD_MC)
    for amount_mc, expected in ((-1, 2), (1, 0), (-2, 2), (1, 0)):
        await desk.books.post(customer.account_id, amount_mc)
        assert await desk.told() == expected
    assert len(desk.receiver.taken) == 2
    assert len({notice["id"] for notice in desk.receiver.taken}) == 2


async def test_an_account_that_never_had_credits_has_not_fallen(desk: Desk) -> None:
    """Low balance: a new account is not told that it is empty."""
    customer = await desk.customer()
    assert await desk.told() == 0
    await desk.books.post(customer.account_id, 1)
    assert await desk.told() == 2


async def test_many_who_look_at_once_tell_once(desk: Desk) -> None:
    """Low balance: once, over any number of writer processes."""
    for _ in range(3):
        await desk.customer(1)
    looking = [desk.look() for _ in range(6)]
    found = await asyncio.gather(*(look.run_once() for look in looking))
    assert sum(found) == 3
    sent = await asyncio.gather(*(desk.notices.send_due() for _ in range(4)))
    assert sum(sent) == 6
    assert len(desk.receiver.taken) == len(desk.mail.letters) == 3


async def test_a_threshold_and_an_address_of_the_customers_own_are_used(desk: Desk) -> None:
    """Low balance: a customer's threshold comes before the operator's; so does the address."""
    customer = await desk.customer(THRESHOLD_MC)
    assert await desk.told() == 0
    settings = BillingSettings(
        desk.books.pool, load_packages(DEFAULT_FOLDER), top_up_url=TOP_UP_URL
    )
    wish = SettingsWish(low_balance_mc=THRESHOLD_MC + 1, email="grace@example.com")
    await settings.put(customer.account_id, wish)
    assert await desk.told() == 2
    assert desk.mail.letters[0].recipients == ["grace@example.com"]


async def test_a_look_that_goes_on_sees_what_changed_since(desk: Desk) -> None:
    """Low balance: later looks read only what has changed, and miss none of it."""
    look = desk.look()
    customer = await desk.customer(THRESHOLD_MC)
    assert await look.run_once() == 0
    await desk.books.post(customer.account_id, -1)
    assert await look.run_once() == 1
    assert await look.run_once() == 0


async def test_without_channels_nothing_is_written_down(desk: Desk) -> None:
    """Low balance: nothing is sent without SMTP settings and a webhook, now or later."""
    customer = await desk.customer(THRESHOLD_MC)
    async with opened_desk(desk.books, smtp_host=None, notice_webhook_url=None) as silent:
        await desk.books.post(customer.account_id, -1)
        assert await silent.look().run_once() == 1
        assert await silent.notices.send_due() == 0
    count = "select count(*) from notices where account_id = $1"
    assert await desk.books.value(count, customer.account_id) == 0
    assert await desk.told() == 0


async def test_what_was_not_taken_is_sent_again_later(desk: Desk) -> None:
    """Notices: tried again with a pause between, until taken once."""
    await desk.customer(1)
    desk.receiver.refusals = [500]
    desk.mail.refusals = ["451 later"]
    assert await desk.told() == 0
    assert await desk.notices.send_due() == 0
    assert (desk.receiver.tried, desk.mail.tried) == (1, 1)
    await desk.all_due()
    assert await desk.notices.send_due() == 2
    await desk.all_due()
    assert await desk.notices.send_due() == 0
    assert len(desk.receiver.taken) == len(desk.mail.letters) == 1


async def test_what_is_never_taken_is_given_up(desk: Desk) -> None:
    """Notices: a bounded number of attempts; an address that is refused for good has one."""
    await desk.customer(1)
    desk.receiver.refusals = [503] * (MOST_ATTEMPTS + 5)
    desk.mail.refusals = ["550 no such person"]
    assert await desk.told() == 0
    for _ in range(MOST_ATTEMPTS + 2):
        await desk.all_due()
        await desk.notices.send_due()
    assert (desk.receiver.tried, desk.mail.tried) == (MOST_ATTEMPTS, 1)
    errors = await desk.books.rows(
        "select last_error from notices where sent_at is null order by channel"
    )
    assert [row["last_error"] for row in errors][-1] == "answered 503"


async def test_a_sender_that_died_is_followed_by_another(desk: Desk) -> None:
    """Notices: at least once, with the same id each time."""
    await desk.customer(1)
    await desk.look().run_once()
    claimed = await desk.notices._claim()  # and it dies
    assert len(claimed) == 2
    assert await desk.notices.send_due() == 0
    await desk.all_due()
    assert await desk.notices.send_due() == 2
    assert desk.receiver.taken[0]["id"] in {notice.notice_id for notice in claimed}
    assert desk.mail.letters[0].message["Message-ID"].endswith("@tollgate.example>")
