"""How our pages are made: templates, and headers that let nothing but our own files be loaded."""

from collections.abc import Mapping
from functools import wraps

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from console.errors import ApiError
from console.formats import FORMATS
from console.handling import Handler, answering_errors

CONSOLE_PATH = "/console"
PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # Forms to ourselves say where they come from; nobody else hears of our addresses.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_DOES_NOT_WORK = "This does not work now"


class Pages:
    """Renders the templates of `console/templates/`; a value that one misses is an error."""

    def __init__(self, credits_per_usd: int) -> None:
        templates = Environment(
            loader=PackageLoader("console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        templates.filters.update(FORMATS)
        templates.globals["credits_per_usd"] = credits_per_usd
        self._templates = templates

    def render(self, template: str, values: Mapping[str, object]) -> str:
        """A template's text."""
        return self._templates.get_template(template).render(values)

    def html(self, status: int, template: str, **values: object) -> web.Response:
        """A whole page."""
        text = self.render(template, values)
        return web.Response(
            text=text, status=status, content_type="text/html", headers=PAGE_HEADERS
        )

    def message(self, status: int, title: str, text: str) -> web.Response:
        """A page that says one thing."""
        return self.html(status, "message.html", title=title, text=text)

    def answering(self, handler: Handler) -> Handler:
        """The handler, with errors answered as pages."""
        answering = answering_errors(handler)

        @wraps(handler)
        async def page(request: web.Request) -> web.StreamResponse:
            try:
                return await answering(request)
            except ApiError as error:
                return self.message(error.status, _DOES_NOT_WORK, str(error))

        return page
