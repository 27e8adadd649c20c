"""One stack for all tests of the page that a worker runs, and one browser; customers are new."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser import launched_browser
from tests.support.credits_page import opened_page
from tests.support.customer import Customer
from tests.support.engines import reachable_folder
from tests.support.shop import SETTINGS, Shop
from tests.support.up import running_up

DRAIN = {"TOLLGATE_ABANDONED_DRAIN_S": "1"}


@pytest.fixture(scope="session")
def shop(chromium: str) -> Iterator[Shop]:
    with reachable_folder() as folder, running_up(folder / "state", **SETTINGS, **DRAIN) as up:
        yield Shop(up)


# While it is open, no other test of this process can run an event loop.
@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with launched_browser(chromium) as launched:
        yield launched


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that has been nowhere yet."""
    with opened_page(browser) as opened:
        yield opened


@pytest.fixture
def customer(shop: Shop) -> Customer:
    """A new customer with 100 credits and a key."""
    return Customer.new(shop.up)
