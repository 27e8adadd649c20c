"""axe-core on a page, in the looks that the page has: light and dark, on a laptop and a phone."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

Look = tuple[Literal["light", "dark"], int]

ALL_LOOKS: Sequence[Look] = (("light", 1280), ("dark", 1280), ("light", 375), ("dark", 375))
# For states of a page whose looks are all seen elsewhere.
TWO_LOOKS: Sequence[Look] = (("light", 1280), ("dark", 375))
HEIGHT = 900

_SCRIPT = Axe().axe_script


def violations(page: Page, looks: Sequence[Look] = ALL_LOOKS) -> list[str]:
    """What axe-core finds in these looks, best practices too; a line for each."""
    return [line for look in looks for line in _violations_of(page, look)]


def rules_passed(page: Page) -> set[str]:
    """The rules that have something to judge here, and find it good."""
    return {one["id"] for one in _run(page, {})["passes"]}


def scrolls_sideways(page: Page) -> bool:
    """Whether the document is wider than its window."""
    wider: bool = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return wider


def _violations_of(page: Page, look: Look) -> Iterator[str]:
    scheme, width = look
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    for found in _run(page, {"resultTypes": ["violations"]})["violations"]:
        yield f"{scheme} {width}: {_line(found)}"


def _run(page: Page, options: object) -> dict[str, Any]:
    """By the debugger's door, which no policy of the page closes."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(_SCRIPT)
    found: dict[str, Any] = page.evaluate(f"axe.run({json.dumps(options)})")
    return found


def _line(violation: dict[str, Any]) -> str:
    nodes = [f"{one['target']} {one['html'][:120]}" for one in violation["nodes"][:5]]
    return f"{violation['id']}: {violation['help']}: {'; '.join(nodes)}"
