"""The page's own files: one stylesheet, a few modules, an icon. Nothing comes from elsewhere."""

import hashlib
from importlib.resources import files

from aiohttp import web

from console.pages import CONSOLE_PATH

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_CACHING = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


class Assets:
    """Everything in `console/assets/`, read once; browsers ask whether theirs is current."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str, str]] = {}
        for file in files("console").joinpath("assets").iterdir():
            suffix = f".{file.name.rpartition('.')[2]}"
            if suffix in _TYPES:
                body = file.read_bytes()
                tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
                self._files[file.name] = (body, _TYPES[suffix], tag)

    def routes(self) -> list[web.RouteDef]:
        """To be added to an application."""
        return [web.get(f"{CONSOLE_PATH}/assets/{{name}}", self._serve)]

    async def _serve(self, request: web.Request) -> web.Response:
        found = self._files.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        body, media_type, tag = found
        headers = {**_CACHING, "ETag": tag}
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type=media_type, charset="utf-8", headers=headers)
