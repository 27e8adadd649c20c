"""The pretend provider's web application."""

import asyncio
import functools
import math
import secrets
import time
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from deploy.local.pretend_provider.answer import answer
from deploy.local.pretend_provider.completion import Completion, json_body, stream_events
from deploy.local.pretend_provider.errors import (
    ProviderError,
    demanded,
    invalid_api_key,
    model_not_found,
)
from deploy.local.pretend_provider.knobs import read_knobs
from deploy.local.pretend_provider.models import PRETEND_MODELS, PretendModel, by_name
from deploy.local.pretend_provider.request_reader import ENCODING, RequestReader
from deploy.local.pretend_provider.sending import send_json, send_stream
from deploy.local.pretend_provider.text import PretendText
from pricing.tokens import TokenCounter

MAX_BODY_BYTES = 64 * 1024 * 1024
_STEP_S = 0.05
_STARTED = web.RequestKey("started", float)
_HEADERS = {
    "Server": "tollgate-pretend-provider",
    "openai-organization": "pretend-organization",
    "openai-version": "2020-10-01",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "200000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "199999000",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "0s",
}


def create_pretend_provider(
    counter: TokenCounter,
    *,
    api_key: str | None = None,
    models: Sequence[PretendModel] = PRETEND_MODELS,
) -> web.Application:
    """The application. With `api_key` that key alone is good, else any. Blocks to load ranks."""
    provider = _PretendProvider(counter, api_key, models)
    app = web.Application(middlewares=[provider.speak_envelopes], client_max_size=MAX_BODY_BYTES)
    app.on_response_prepare.append(_add_headers)
    app.router.add_post("/v1/chat/completions", provider.chat_completions)
    app.router.add_get("/v1/models", provider.list_models)
    app.router.add_get("/v1/models/{name}", provider.show_model)
    return app


class _PretendProvider:
    def __init__(
        self, counter: TokenCounter, api_key: str | None, models: Sequence[PretendModel]
    ) -> None:
        self._api_key = api_key
        self._models = models
        self._count_tokens = functools.partial(counter.count, ENCODING)
        self._text = PretendText(self._count_tokens)
        self._requests = RequestReader(counter, models)

    @web.middleware
    async def speak_envelopes(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let nobody in without a key, and answer whatever is wrong with an envelope."""
        request[_STARTED] = time.perf_counter()
        try:
            self._check_key(request)
            return await handler(request)
        except ProviderError as error:
            refusal = error
        except web.HTTPException as error:
            refusal = _explain(request, error)
        return web.json_response(refusal.envelope, status=refusal.status, headers=refusal.headers)

    async def chat_completions(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        knobs = read_knobs(request.headers)
        chat = await self._requests.read(await request.read())
        await _wait(request, math.inf if knobs.hang else knobs.delay_s)
        if knobs.status is not None:
            raise demanded(knobs.status)
        completion = Completion(chat, answer(chat, knobs, self._text, self._count_tokens), knobs)
        if chat.stream:
            return await send_stream(request, stream_events(completion), knobs)
        return await send_json(request, json_body(completion), knobs)

    async def list_models(self, _: web.Request) -> web.Response:
        """GET /v1/models."""
        return web.json_response({"object": "list", "data": list(map(_describe, self._models))})

    async def show_model(self, request: web.Request) -> web.Response:
        """GET /v1/models/{name}."""
        name = request.match_info["name"]
        model = by_name(self._models).get(name)
        if model is None:
            raise model_not_found(name)
        return web.json_response(_describe(model))

    def _check_key(self, request: web.Request) -> None:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            message = "You didn't provide an API key. Send one in an Authorization header, as "
            raise invalid_api_key(message + "'Authorization: Bearer YOUR_KEY'.")
        if self._api_key is not None and key.strip() != self._api_key:
            raise invalid_api_key("Incorrect API key provided.")


def _describe(model: PretendModel) -> dict[str, object]:
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "tollgate-pretend-provider",
    }


def _explain(request: web.Request, error: web.HTTPException) -> ProviderError:
    asked = f"{request.method} {request.path}"
    if isinstance(error, web.HTTPNotFound):
        return ProviderError(error.status, f"Invalid URL ({asked})")
    if isinstance(error, web.HTTPMethodNotAllowed):
        message = f"Not allowed to {request.method} on {request.path}."
        return ProviderError(error.status, message, headers={"Allow": error.headers["Allow"]})
    return ProviderError(error.status, error.reason)


async def _wait(request: web.Request, wait_s: float) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + wait_s
    # In small steps: a handler does not hear by itself that its client has left.
    while request.transport is not None and loop.time() < end:  # noqa: ASYNC110
        await asyncio.sleep(min(end - loop.time(), _STEP_S))


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
    response.headers["x-request-id"] = f"req_{secrets.token_hex(16)}"
    elapsed_ms = (time.perf_counter() - request[_STARTED]) * 1000
    response.headers["openai-processing-ms"] = f"{elapsed_ms:.0f}"
