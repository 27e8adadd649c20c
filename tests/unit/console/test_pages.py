"""The templates of our pages."""

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined

from console.formats import FORMATS
from console.pages import PAGE_HEADERS

TEMPLATES = Environment(loader=PackageLoader("console"), autoescape=True, undefined=StrictUndefined)
TEMPLATES.filters.update(FORMATS)


@pytest.mark.parametrize("name", TEMPLATES.list_templates())
def test_every_template_compiles_and_needs_no_inline_code(name: str) -> None:
    """The policy allows neither scripts nor styles in a page: none may depend on one."""
    TEMPLATES.get_template(name)
    assert TEMPLATES.loader is not None
    source, _, _ = TEMPLATES.loader.get_source(TEMPLATES, name)
    assert " style=" not in source
    assert " onclick=" not in source
    assert "<script>" not in source
    assert "| safe" not in source


def test_nothing_comes_from_elsewhere() -> None:
    """CSP: only our own files, no frames, no inline code."""
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
