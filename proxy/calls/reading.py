"""Reads a chat completion request: what is priced must be what the provider reads."""

import re
import time

import msgspec
from aiohttp import web

from config.rates import ModelRates, RateTable
from console.errors import ApiError
from console.identity import IDENTITY, REQUEST_ID
from console.known_models import find_model
from pricing.quote import CallBounds
from proxy.calls.body import read_body
from proxy.calls.call import NO_JSON, Call, ChatBody, Message
from proxy.calls.names import refuse_other_case, refuse_repeated
from proxy.calls.parts import Parts, read_parts
from proxy.calls.unsold import (
    UNSOLD_FIELDS,
    has_hosted_tools,
    refuse_unsold_fields,
    refuse_unsold_values,
)

PRICED_FIELDS = frozenset(ChatBody.__struct_fields__)
_WATCHED_FIELDS = PRICED_FIELDS | UNSOLD_FIELDS

_decode_chat = msgspec.json.Decoder(ChatBody).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_AT_PATH = re.compile(r"^(?P<reason>.*) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")


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
    """The body's priced fields; each may be given once, under its own name.

    Raises:
        ApiError: 400, or 404 where a field has no rate; naming the field at fault.
    """
    try:
        chat = _decode_chat(body)
        fields = _decode_fields(body)
        str(body, "utf-8")  # also the texts that were not decoded
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ApiError(400, "invalid_json", f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise ApiError(400, "invalid_json", "The body is nested too deeply.") from None
    refuse_other_case(fields, _WATCHED_FIELDS)
    contents = sum(message.content is not msgspec.UNSET for message in chat.messages)
    refuse_repeated(body, _WATCHED_FIELDS & fields.keys(), contents)
    refuse_unsold_fields(fields)
    return chat


def bounds_of(chat: ChatBody, model: ModelRates, body_bytes: int) -> CallBounds:
    """What bounds the call's tokens.

    Raises:
        ApiError: 400 where a value makes no sense, 404 where something has no rate.
    """
    refuse_unsold_values(chat)
    parts = [_parts(message, place) for place, message in enumerate(chat.messages)]
    return CallBounds(
        text_tokens=body_bytes,
        images=sum(found.images for found in parts),
        files=sum(found.files for found in parts),
        is_input_open=has_hosted_tools(chat.tools)
        or chat.names_other_input
        or any(found.is_open for found in parts),
        choices=max(chat.n or 1, chat.best_of or 1),
        output_limit=_output_limit(chat, model),
        prediction_bytes=0 if chat.prediction == NO_JSON else len(bytes(chat.prediction)),
    )


def _parts(message: Message, place: int) -> Parts:
    if message.audio != NO_JSON:
        return Parts(is_open=True)  # an earlier answer's, of which only the id is here
    if message.content is msgspec.UNSET:
        return Parts()
    return read_parts(bytes(message.content), f"messages[{place}].content")


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
