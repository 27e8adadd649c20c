"""A real browser for tests of pages: the system's Chromium, without a window."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.support.waiting import PATIENCE_S

VARIABLE = "TOLLGATE_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_MS = 1000 * PATIENCE_S

# What loads again by itself, or waits for the writer and Stripe, is waited for this long.
expect.set_options(timeout=PATIENCE_MS)


def find_chromium() -> str | None:
    """The program that is named, or the first one on the PATH."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, _NAMES)), None)


def found_chromium() -> str:
    """The browser's program; without one the test is left out, and all of them say so in one line.

    One that is named has to be there: CI names one, so nothing is left out there unseen.
    """
    found = find_chromium()
    if not found:
        pytest.skip(f"there is no Chromium on the PATH, and none named in {VARIABLE}")
    if not shutil.which(found):
        pytest.fail(f"{VARIABLE} names {found}, which is no program here", pytrace=False)
    return found


@contextmanager
def launched_browser(program: str) -> Iterator[Browser]:
    """A browser without a context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            # Root, as in containers, has no sandbox; the pages are our own.
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened_browser(program: str) -> Iterator[BrowserContext]:
    """A browser that has been nowhere yet."""
    with launched_browser(program) as browser:
        context = browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        yield context
