"""Answers requests of the API: key, parameters, idempotency, operation, expansion."""

import asyncio
import base64
import binascii
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from deploy.local.pretend_stripe.changes import Changes
from deploy.local.pretend_stripe.errors import (
    StripeError,
    demanded,
    invalid,
    not_authenticated,
    unspoken,
)
from deploy.local.pretend_stripe.expanding import check_paths, expanded
from deploy.local.pretend_stripe.form import read_form
from deploy.local.pretend_stripe.idempotency import Idempotency, KeptAnswer, fingerprint
from deploy.local.pretend_stripe.knobs import Knobs
from deploy.local.pretend_stripe.payments import CARD_ERROR
from deploy.local.pretend_stripe.routes import Route
from deploy.local.pretend_stripe.store import Json
from deploy.local.pretend_stripe.world import API_VERSION, World

_FORM = "application/x-www-form-urlencoded"
REQUEST_ID = web.RequestKey("request_id", str)


class Api:
    """The part of the server that programs talk to."""

    def __init__(self, world: World, changes: Changes, knobs: Knobs, api_key: str) -> None:
        self._world = world
        self._changes = changes
        self._knobs = knobs
        self._api_key = api_key
        self._idempotency = Idempotency(world)

    @web.middleware
    async def speak_envelopes(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let nobody in without the key, and answer whatever is wrong with an envelope."""
        request[REQUEST_ID] = f"req_{secrets.token_hex(7)}"
        if not request.path.startswith(("/v1/", "/pretend/")):
            return await handler(request)
        try:
            self._check_key(request)
            return await handler(request)
        except StripeError as error:
            refusal = error
        except web.HTTPNotFound:
            refusal = unspoken(request.method, request.path)
        except web.HTTPMethodNotAllowed:
            refusal = unspoken(request.method, request.path)
        except web.HTTPException as error:
            refusal = StripeError(error.reason, status=error.status)
        return _answer(request, refusal.status, refusal.envelope)

    async def handle(self, request: web.Request, route: Route) -> web.StreamResponse:
        """Do what a route is for; nothing is awaited from its check to its last change."""
        form = read_form(await self._text(request))
        await asyncio.sleep(self._knobs.api.delay_s)
        self._fail_if_asked()
        params = route.params.checked(form)
        check_paths(route.kind, params.get("expand", []), in_list=route.is_list)
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        asked = fingerprint(request.method, request.path, params)
        kept = None if key is None else self._idempotency.find(key, asked)
        if kept is None:
            kept = self._do(request, route, params, key, asked)
            headers = {}
        else:
            headers = {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
        if self._knobs.api.lose_next:
            self._knobs.api.lose_next -= 1
            return _lost(request)
        if key is not None:
            headers["Idempotency-Key"] = key
        return _answer(request, kept.status, kept.body, headers)

    def _do(
        self, request: web.Request, route: Route, params: Json, key: str | None, asked: str
    ) -> KeptAnswer:
        expand = params.pop("expand", [])
        with self._changes.one(request[REQUEST_ID], key) as world:
            status = 200
            try:
                done = route.operation(world, request.match_info.get("id", ""), params)
                body = expanded(world, done, expand)
            except StripeError as error:
                if error.envelope["error"]["type"] != CARD_ERROR:
                    raise
                status, body = error.status, error.envelope
            answer = KeptAnswer(asked, request[REQUEST_ID], status, body, world.now)
            if key is not None:
                self._idempotency.keep(key, answer)
        return answer

    async def _text(self, request: web.Request) -> str:
        version = request.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            message = f"Invalid Stripe API version: {version}. This one speaks {API_VERSION}."
            raise invalid(message)
        if request.method == "GET":
            return request.rel_url.raw_query_string
        body = await request.read()
        if body and request.content_type != _FORM:
            message = f"The content type must be {_FORM}, not {request.content_type}."
            raise invalid(message)
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise invalid("The body must be UTF-8.") from None

    def _fail_if_asked(self) -> None:
        if self._knobs.api.fail_next:
            self._knobs.api.fail_next -= 1
            raise demanded(self._knobs.api.status)

    def _check_key(self, request: web.Request) -> None:
        key = _key_of(request.headers.get("Authorization", ""))
        if not key:
            message = (
                "You did not provide an API key. You need to provide your API key in the "
                "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
                "YOUR_SECRET_KEY')."
            )
            raise not_authenticated(message)
        if not secrets.compare_digest(key.encode(), self._api_key.encode()):
            raise not_authenticated(f"Invalid API Key provided: {key[:8]}****")


def _key_of(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _answer(
    request: web.Request, status: int, body: Json, headers: dict[str, str] | None = None
) -> web.Response:
    told = {"Request-Id": request[REQUEST_ID], "Stripe-Version": API_VERSION, **(headers or {})}
    return web.json_response(body, status=status, headers=told)


def _lost(request: web.Request) -> web.Response:
    """Everything was done, and the client never hears of it."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
