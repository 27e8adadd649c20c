"""What a request may ask for that has no rate: it must not leave, as it would be free.

A field that stands neither here nor in `ChatBody` costs the tokens that it leads to, and passes.
"""

from collections.abc import Mapping

import msgspec

from console.errors import ApiError
from proxy.calls.call import NO_JSON, ChatBody
from proxy.calls.parts import no_rate

# What is asked for, by the field that asks; most of them are known to some providers only.
_UNSOLD = {
    "search_parameters": "web search",
    "enable_search": "web search",
    "plugins": "plugins",
    # Another model, or another price, than the one that the call is quoted with.
    "models": "a choice between models",
    "fallbacks": "a choice between models",
    "route": "a choice between models",
    "provider": "a choice between providers",
    "preset": "presets",
}
# Where a provider knows these, they win over the limit that the call is quoted with.
_OTHER_LIMITS = frozenset({"max_new_tokens", "max_output_tokens", "n_predict", "num_predict"})
UNSOLD_FIELDS = frozenset({*_UNSOLD, *_OTHER_LIMITS})

_TIERS_WITH_A_RATE = frozenset({None, "auto", "default"})
_OWN_TOOLS = frozenset({"function", "custom"})
# Providers' own tools of which each use has a fee.
_TOOLS_WITH_FEES = frozenset(
    {
        *("google_search", "google_search_retrieval", "googlesearch", "browser_search", "x_search"),
        *("file_search", "code_interpreter", "code_execution", "image_generation"),
        *("computer_use", "computer_use_preview", "builtin_function"),
    }
)
_OFF = frozenset({b"null", b"false"})


class _Tool(msgspec.Struct, frozen=True):
    type: str | None = None


_decode_tools = msgspec.json.Decoder(list[_Tool] | None).decode
_decode_hosted = msgspec.json.Decoder(list[dict[str, msgspec.Raw]]).decode


def refuse_unsold_fields(fields: Mapping[str, msgspec.Raw]) -> None:
    """Refuses fields that may cost what has no rate.

    Raises:
        ApiError: 404 or 400, naming the field.
    """
    for name in UNSOLD_FIELDS & fields.keys():
        if bytes(fields[name]) in _OFF:
            continue
        if name in _UNSOLD:
            raise no_rate(name, _UNSOLD[name])
        message = f"Unknown field {name!r}: limit the output by 'max_completion_tokens'."
        raise ApiError(400, "unknown_field", message, param=name)


def refuse_unsold_values(chat: ChatBody) -> None:
    """Refuses what is asked for in fields that are sold with other values; raises as above."""
    if any(kind != "text" for kind in chat.modalities or ()):
        raise no_rate("modalities", "output other than text")
    if chat.audio != NO_JSON:
        raise no_rate("audio", "output other than text")
    if chat.web_search_options != NO_JSON:
        raise no_rate("web_search_options", "web search")
    if chat.service_tier not in _TIERS_WITH_A_RATE:
        raise no_rate("service_tier", f"the service tier {chat.service_tier!r}")


def has_hosted_tools(tools: msgspec.Raw) -> bool:
    """Whether a tool is the provider's own: what it finds becomes input.

    Raises:
        ApiError: 400, these are no tools; 404, the use of a tool has a fee.
    """
    try:
        is_hosted = any(tool.type not in _OWN_TOOLS for tool in _decode_tools(tools) or ())
    except msgspec.ValidationError as error:
        reason = str(error).partition(" - at `$")[0]
        raise ApiError(400, "invalid_value", f"Invalid 'tools': {reason}.", param="tools") from None
    if is_hosted:
        for tool in _decode_hosted(tools):
            _refuse_fees(tool)
    return is_hosted


def _refuse_fees(tool: Mapping[str, msgspec.Raw]) -> None:
    """A tool is named by its type, or by its only field."""
    kind = msgspec.json.decode(tool.get("type", NO_JSON), type=str | None)
    if kind in _OWN_TOOLS:
        return
    for name in (kind or "", *tool):
        known = name.casefold()
        if known in _TOOLS_WITH_FEES or known.startswith("web_search"):
            raise no_rate("tools", f"the tool {name!r}")
