"""Reading a chat completion request, as strictly as the real provider does."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.local.pretend_provider.errors import invalid, missing, model_not_found
from deploy.local.pretend_provider.fields import REQUEST_FIELDS, STREAM_OPTIONS
from deploy.local.pretend_provider.messages import check_messages
from deploy.local.pretend_provider.models import PretendModel
from deploy.local.pretend_provider.tools import ForcedTool, read_forced_tool

CountPrompt = Callable[[Sequence[object]], int]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a request asks for. `limit_tokens` is for each choice."""

    model: PretendModel
    prompt_tokens: int
    choices: int
    limit_tokens: int
    stream: bool
    include_usage: bool
    forced_tool: ForcedTool | None


def read_chat_request(
    body: bytes, models: Mapping[str, PretendModel], count_prompt: CountPrompt
) -> ChatRequest:
    """The request in `body`. Raises ProviderError: 404 for an unknown model, else 400."""
    fields = _read_object(body)
    _check_fields(fields)
    model = _find_model(fields, models)
    if "messages" not in fields:
        raise missing("messages")
    check_messages(fields["messages"])
    forced_tool = read_forced_tool(fields.get("tools"), fields.get("tool_choice"))
    return ChatRequest(
        model=model,
        prompt_tokens=_count_prompt(fields, model, count_prompt),
        choices=fields.get("n") or 1,
        limit_tokens=_read_limit(fields, model),
        stream=bool(fields.get("stream")),
        include_usage=_read_include_usage(fields),
        forced_tool=forced_tool,
    )


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise invalid(
            "We could not parse the JSON body of your request. The API expects a JSON payload, "
            "but what was sent was not valid JSON."
        ) from error
    if not isinstance(fields, dict):
        raise invalid("Invalid body: expected a JSON object.")
    return fields


def _refuse_constant(name: str) -> None:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _check_fields(fields: Mapping[str, Any]) -> None:
    unknown = [name for name in fields if name not in REQUEST_FIELDS]
    if unknown:
        noun = "argument" if len(unknown) == 1 else "arguments"
        raise invalid(f"Unrecognized request {noun} supplied: {', '.join(unknown)}")
    for name, value in fields.items():
        if value is not None or name in {"model", "messages"}:
            REQUEST_FIELDS[name](name, value)


def _find_model(fields: Mapping[str, Any], models: Mapping[str, PretendModel]) -> PretendModel:
    name = fields.get("model")
    if not name:
        raise invalid("you must provide a model parameter")
    model = models.get(str(name))
    if model is None:
        raise model_not_found(str(name))
    return model


def _read_limit(fields: Mapping[str, Any], model: PretendModel) -> int:
    names = [name for name in ("max_tokens", "max_completion_tokens") if fields.get(name)]
    if not names:
        return model.max_output_tokens
    if len(names) > 1:
        message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not "
        raise invalid(message + "supported.", "max_tokens", "invalid_parameter_combination")
    name, limit = names[0], fields[names[0]]
    if name == "max_tokens" and not model.takes_max_tokens:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        raise invalid(message + "'max_completion_tokens' instead.", name, "unsupported_parameter")
    if limit > model.max_output_tokens:
        raise invalid(
            f"{name} is too large: {limit}. This model supports at most {model.max_output_tokens} "
            f"completion tokens, whereas you provided {limit}.",
            name,
            "invalid_value",
        )
    return int(limit)


def _read_include_usage(fields: Mapping[str, Any]) -> bool:
    options = fields.get("stream_options")
    if options is None:
        return False
    if not fields.get("stream"):
        message = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise invalid(message, "stream_options")
    for name, value in options.items():
        param = f"stream_options.{name}"
        if name not in STREAM_OPTIONS:
            raise invalid(f"Unknown parameter: '{param}'.", param, "unknown_parameter")
        STREAM_OPTIONS[name](param, value)
    return bool(options.get("include_usage"))


def _count_prompt(fields: Mapping[str, Any], model: PretendModel, count_prompt: CountPrompt) -> int:
    tokens = count_prompt(fields["messages"])
    if fields.get("tools"):
        tools = json.dumps(fields["tools"], separators=(",", ":"), ensure_ascii=False)
        # The real provider turns tools into text of its own; a quarter of their bytes comes near.
        tokens += -(-len(tools.encode("utf-8", "surrogatepass")) // 4)
    if tokens > model.context_window:
        raise invalid(
            f"This model's maximum context length is {model.context_window} tokens. However, your "
            f"messages resulted in {tokens} tokens. Please reduce the length of the messages.",
            "messages",
            "context_length_exceeded",
        )
    return tokens
