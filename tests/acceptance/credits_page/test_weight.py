"""What the Credits page of `tollgate up` costs to load, and that nothing comes from elsewhere."""

import pytest
from playwright.sync_api import ConsoleMessage, Page, Request

from tests.support.credits_page import sign_in
from tests.support.customer import Customer, send
from tests.support.seeded_customer import seeded_customer
from tests.support.shop import Shop

MOST_BYTES = 200_000
MOST_REQUESTS = 10
ICON = "/console/assets/icon.svg"
_NOTE_VIOLATIONS = """
    window.violations = [];
    addEventListener("securitypolicyviolation", (event) => violations.push(event.blockedURI));
"""
# What a page plans for a second later or more, as its looks at what is new, is not loaded with it,
# however slow the machine is.
_NOTHING_LATER = """
    const plan = window.setTimeout;
    window.setTimeout = (work, ms, ...rest) => ms < 1000 ? plan(work, ms, ...rest) : 0;
"""


@pytest.fixture(scope="module")
def regular(shop: Shop) -> Customer:
    """Somebody whose page is full: 90 days, all models."""
    return seeded_customer(shop.up, calls=2_000, days=90, seed_number=14)


class Load:
    """All requests of a page until it is loaded, and what its console says."""

    def __init__(self, page: Page) -> None:
        self.requests: list[Request] = []
        self.complaints: list[str] = []
        self._page = page
        page.on("request", self._keep)
        page.on("console", self._hear)
        page.add_init_script(_NOTE_VIOLATIONS)

    def finish(self, path: str) -> None:
        """Go there with an empty cache, and stop counting when it is loaded."""
        self._page.add_init_script(_NOTHING_LATER)
        self.requests.clear()
        self._page.goto(path, wait_until="load")
        self._page.remove_listener("request", self._keep)

    def _keep(self, request: Request) -> None:
        self.requests.append(request)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def bytes(self) -> int:
        """All that was sent to the browser, heads included."""
        sizes = [one.sizes() for one in self.requests]
        return sum(one["responseHeadersSize"] + one["responseBodySize"] for one in sizes)


def test_the_first_paint_is_light_and_of_this_server_alone(regular: Customer, page: Page) -> None:
    """Under 200 KB and under 10 requests, the link's redirect and the icon among them."""
    load = Load(page)
    load.finish(regular.link())
    urls = [one.url for one in load.requests]
    assert all(url.startswith(f"{regular.url}/console") for url in urls)
    icon = 0 if any(url.endswith(ICON) for url in urls) else 1
    icon_bytes = len(send("GET", regular.url, ICON).body) * icon
    assert len(urls) + icon < MOST_REQUESTS, urls
    assert 10_000 < load.bytes() + icon_bytes < MOST_BYTES


def test_nothing_is_complained_of_while_the_page_is_used(regular: Customer, page: Page) -> None:
    """No error in the console, nothing that the policy blocks, no request to anybody else."""
    load = Load(page)
    sign_in(page, regular)
    page.locator("#days-90").click()
    page.locator("#usage-model").select_option("gpt-4o")
    page.locator("#usage-older").click()
    page.locator("[data-part=usage] tbody tr a").first.click()
    page.keyboard.press("Escape")
    page.locator("#estimate-output").fill("7")
    page.wait_for_load_state("networkidle")
    assert load.complaints == []
    assert page.evaluate("violations") == []
    assert {one.url.split("/console")[0] for one in load.requests} == {regular.url}


def test_a_second_visit_asks_only_whether_files_are_current(regular: Customer, page: Page) -> None:
    """Assets are checked by their tags and not sent again."""
    sign_in(page, regular)
    bodies: list[tuple[str, int]] = []
    page.on("response", lambda one: bodies.append((one.url, one.status)))
    page.reload(wait_until="load")
    path = "/console/assets/style.css"
    tag = send("GET", regular.url, path).headers["etag"]
    again = send("GET", regular.url, path, headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert any(path in url for url, _ in bodies)
