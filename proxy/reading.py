"""Reads a chat completion request: what is priced must be what the provider reads."""

import json
import re
import time
from typing import Any

import msgspec
from aiohttp import web

from config.rates import ModelRates, RateTable
from console.errors import ApiError
from console.identity import IDENTITY, REQUEST_ID
from pricing.quote import CallBounds
from proxy.body import read_body
from proxy.call import NO_JSON, Call, ChatBody

PRICED_FIELDS = frozenset(ChatBody.__struct_fields__)

_decode_chat = msgspec.json.Decoder(ChatBody).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_parts = msgspec.json.Decoder(list[dict[str, msgspec.Raw] | str]).decode

# An ASCII letter or underscore written as an escape: no honest client writes a field's name so.
_ESCAPED_NAME = re.compile(rb"\\u00(4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])")
_QUOTED_FIELDS = tuple(f'"{name}"'.encode() for name in sorted(PRICED_FIELDS))
_AT_PATH = re.compile(r"^(?P<reason>.*) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")

_IMAGE_FIELDS = frozenset({"image", "image_url", "input_image"})
_FILE_FIELDS = frozenset({"file", "input_file", "document"})
_AUDIO_FIELDS = frozenset({"audio", "input_audio", "audio_url"})
_TEXT_TYPES = (b'"text"', b'"refusal"')


async def read_call(request: web.Request, table: RateTable, max_bytes: int, wait_s: float) -> Call:
    """The call that a request asks for.

    Raises:
        ApiError: 400, 404, 408, 413 or 415, naming the field at fault.
    """
    body = await read_body(request, max_bytes, wait_s)
    chat = decode_chat(body)
    model = find_model(table, chat.model)
    return Call(
        request_id=request[REQUEST_ID],
        identity=request[IDENTITY],
        body=body,
        chat=chat,
        model=model,
        table=table,
        bounds=bounds_of(chat, model, len(body)),
        created_at_ms=time.time_ns() // 1_000_000,
    )


def decode_chat(body: bytes) -> ChatBody:
    """The body's priced fields; each may be given once, under its own name."""
    try:
        chat = _decode_chat(body)
        fields = _decode_fields(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, "invalid_json", f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise ApiError(400, "invalid_json", "The body is nested too deeply.") from None
    for name in fields:
        if name not in PRICED_FIELDS and name.lower() in PRICED_FIELDS:
            message = f"Unknown field {name!r}: did you mean {name.lower()!r}?"
            raise ApiError(400, "unknown_field", message, param=name)
    _refuse_repeated_fields(body)
    return chat


def find_model(table: RateTable, name: str) -> ModelRates:
    """The model of that name; one without a rate does not exist here."""
    model = table.models.get(name)
    if model is None:
        message = f"The model {name!r} does not exist or has no rate here. See GET /v1/models."
        raise ApiError(404, "model_not_found", message, param="model")
    return model


def bounds_of(chat: ChatBody, model: ModelRates, body_bytes: int) -> CallBounds:
    """What bounds the call's tokens; refuses what has no rate."""
    _refuse_unpriced(chat)
    images = files = 0
    is_open = False
    for position, message in enumerate(chat.messages):
        is_open = is_open or message.audio != NO_JSON
        content = bytes(message.content)
        if content.startswith(b"["):
            kinds = [_kind(part, position) for part in _parts(content, position)]
            images += kinds.count("image")
            files += kinds.count("file")
            is_open = is_open or "unknown" in kinds
        elif not content.startswith(b'"') and content != b"null":
            raise _wrong_content(position)
    return CallBounds(
        text_tokens=body_bytes,
        images=images,
        files=files,
        is_input_open=is_open,
        choices=max(chat.n or 1, chat.best_of or 1),
        output_limit=_output_limit(chat, model),
        prediction_bytes=0 if chat.prediction == NO_JSON else len(bytes(chat.prediction)),
    )


def _output_limit(chat: ChatBody, model: ModelRates) -> int | None:
    limits = {name: getattr(chat, name) for name in model.limit_fields}
    for name, limit in limits.items():
        if limit is not None and limit > model.max_output_tokens:
            message = (
                f"{name} is too large: {limit}. {model.name} writes at most "
                f"{model.max_output_tokens} tokens."
            )
            raise ApiError(400, "invalid_value", message, param=name)
    return max((limit for limit in limits.values() if limit is not None), default=None)


def _refuse_unpriced(chat: ChatBody) -> None:
    if chat.audio != NO_JSON or any(kind != "text" for kind in chat.modalities or ()):
        raise _no_rate("modalities", "output other than text")
    if chat.web_search_options != NO_JSON:
        raise _no_rate("web_search_options", "web search")
    if chat.service_tier == "priority":
        raise _no_rate("service_tier", "priority processing")


def _no_rate(param: str, what: str) -> ApiError:
    return ApiError(404, "rate_not_found", f"There is no rate for {what}.", param=param)


def _parts(content: bytes, position: int) -> list[dict[str, msgspec.Raw] | str]:
    try:
        return _decode_parts(content)
    except msgspec.ValidationError:
        raise _wrong_content(position) from None


def _wrong_content(position: int) -> ApiError:
    param = f"messages[{position}].content"
    message = f"{param} must be a string, a list of content parts, or null."
    return ApiError(400, "invalid_type", message, param=param)


def _kind(part: dict[str, msgspec.Raw] | str, position: int) -> str:
    """What a content part is charged as; a field in any case counts, whatever its type says."""
    if isinstance(part, str):
        return "text"
    names = {name.lower() for name in part}
    if names & _AUDIO_FIELDS:
        raise _no_rate(f"messages[{position}].content", "audio input")
    if names & _IMAGE_FIELDS:
        return "image"
    if names & _FILE_FIELDS:
        return "file"
    return "text" if bytes(part.get("type", NO_JSON)) in _TEXT_TYPES else "unknown"


def _refuse_repeated_fields(body: bytes) -> None:
    is_plain = all(body.count(quoted) <= 1 for quoted in _QUOTED_FIELDS)
    if is_plain and not _ESCAPED_NAME.search(body):
        return
    pairs: list[tuple[str, Any]] = []

    def keep_last(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal pairs
        pairs = found  # objects end from the inside out: the outermost comes last
        return {}

    try:
        json.loads(body, object_pairs_hook=keep_last)
    except RecursionError:
        raise ApiError(400, "invalid_json", "The body is nested too deeply.") from None
    names = [name for name, _ in pairs if name in PRICED_FIELDS]
    for name in names:
        if names.count(name) > 1:
            message = f"The field {name!r} is given more than once."
            raise ApiError(400, "duplicate_field", message, param=name)


def _invalid(message: str) -> ApiError:
    found = _AT_PATH.match(message)
    param, reason = (found["path"], found["reason"]) if found else ("", message)
    missing = _MISSING.match(reason)
    if missing:
        param = ".".join(part for part in (param, missing["name"]) if part)
        return ApiError(
            400,
            "missing_required_parameter",
            f"Missing required parameter: {param!r}.",
            param=param,
        )
    if not param:
        return ApiError(400, "invalid_type", f"The body must be a JSON object: {reason}.")
    return ApiError(400, "invalid_value", f"Invalid {param!r}: {reason}.", param=param)
