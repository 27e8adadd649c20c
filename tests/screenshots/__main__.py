"""`make screenshots`: takes the pictures of the Credits page in `docs/images` again.

It starts a stack of its own in a temporary folder, fills it with made-up weeks, and needs Chromium
on the PATH, or named in TOLLGATE_CHROMIUM. The same code makes the same pictures, but for dates.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, Page, expect

from tests.screenshots.weeks import write
from tests.support.browser import VARIABLE, find_chromium, launched_browser
from tests.support.engines import reachable_folder
from tests.support.up import ROOT, Up, running_up

FOLDER = ROOT / "docs" / "images"
HEIGHT, MARGIN = 900, 20


class Picture(NamedTuple):
    """One file, and how the page is looked at; `last` is the last thing that is to be seen."""

    name: str
    scheme: Literal["light", "dark"]
    width: int
    scale: float
    last: str


PICTURES = (
    Picture("credits-light", "light", 1280, 1, ".columns"),
    Picture("credits-dark", "dark", 1280, 1, ".columns"),
    Picture("credits-phone", "light", 375, 1.5, "[data-part=spending]"),
)


def main() -> None:
    """Takes all pictures, and says where they are."""
    program = find_chromium()
    if program is None:
        sys.exit(f"There is no Chromium on the PATH, and none named in {VARIABLE}.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with reachable_folder() as folder, running_up(folder / "state") as up:
        account_id = _fill(up)
        with launched_browser(program) as browser:
            for picture in PICTURES:
                _take(browser, picture, _link(up, account_id))


def _fill(up: Up) -> str:
    environment = json.loads((up.state / "environment.json").read_text())
    return asyncio.run(write(environment, datetime.now(UTC)))


def _link(up: Up, account_id: str) -> str:
    path = f"/admin/accounts/{account_id}/console-sessions"
    made = up.api.expect("POST", path, token=up.dev["admin_token"], body={})
    return str(made["url"])


def _take(browser: Browser, picture: Picture, link: str) -> None:
    context = browser.new_context(
        viewport={"width": picture.width, "height": HEIGHT},
        device_scale_factor=picture.scale,
        color_scheme=picture.scheme,
        reduced_motion="reduce",
        locale="en-US",
        timezone_id="UTC",
    )
    page = context.new_page()
    page.goto(link)
    _wait_until_it_is_whole(page)
    last = page.locator(picture.last).element_handle()
    end: int = page.evaluate("(last) => scrollY + last.getBoundingClientRect().bottom | 0", last)
    page.set_viewport_size({"width": picture.width, "height": end + MARGIN})
    path = FOLDER / f"{picture.name}.png"
    page.screenshot(path=path, animations="disabled", caret="hide")
    sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} KB\n")
    context.close()


def _wait_until_it_is_whole(page: Page) -> None:
    expect(page.locator("#estimate-result")).to_contain_text("Credits")
    expect(page.locator("[data-part=usage] tbody tr").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")


if __name__ == "__main__":
    main()
