"""How our pages are made: templates, and headers that let nothing but our own style be loaded."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from console.formats import FORMATS

CONSOLE_PATH = "/console"
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_templates(credits_per_usd: int) -> Environment:
    """The templates of `console/templates/`; a value that a template misses is an error."""
    templates = Environment(
        loader=PackageLoader("console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FORMATS)
    templates.globals["credits_per_usd"] = credits_per_usd
    return templates
