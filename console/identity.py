"""Who is asking: set on a request by authentication, read by everything behind it."""

from aiohttp import web

from ledger.authentication import Identity

IDENTITY = web.RequestKey("identity", Identity)
REQUEST_ID = web.RequestKey("request_id", str)
