"""Lets operators through: whoever has the admin token."""

import hmac

from aiohttp import web

from console.errors import ApiError
from console.handling import Handler, answering_errors


class OperatorGuard:
    """Checks the admin token of each request."""

    def __init__(self, admin_token: str) -> None:
        if not admin_token:
            raise ValueError("without an admin token everyone would be an operator")
        self._admin_token = admin_token.encode()

    def guarded(self, handler: Handler) -> Handler:
        """The handler, for operators only; our errors are answered in their envelope."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            self._check_token(request)
            return await handler(request)

        return answering_errors(guarded)

    def _check_token(self, request: web.Request) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "surrogateescape")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given, self._admin_token):
            raise ApiError(
                401,
                "invalid_admin_token",
                "This needs the admin token: Authorization: Bearer <token>.",
                headers={"WWW-Authenticate": 'Bearer realm="tollgate-admin"'},
            )
