"""Checking the messages of a request."""

from deploy.local.pretend_provider import checks
from deploy.local.pretend_provider.errors import invalid, missing, wrong_type

_check_role = checks.one_of("system", "assistant", "user", "function", "tool", "developer")
_check_part_type = checks.one_of("text", "image_url", "input_audio", "file", "refusal")


def check_messages(messages: list[object]) -> None:
    """Raise ProviderError (400), naming the place, unless all are well-formed messages."""
    if not messages:
        raise invalid(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an "
            "empty array instead.",
            "messages",
            "empty_array",
        )
    for index, message in enumerate(messages):
        _check_message(f"messages[{index}]", message)


def _check_message(param: str, message: object) -> None:
    if not isinstance(message, dict):
        raise wrong_type(param, "an object", message)
    role = message.get("role")
    if role is None:
        raise missing(f"{param}.role")
    _check_role(f"{param}.role", role)
    if message.get("name") is not None:
        checks.string(f"{param}.name", message["name"])
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        raise missing(f"{param}.tool_call_id")
    calls = message.get("tool_calls")
    if calls is not None:
        checks.array(f"{param}.tool_calls", calls)
    _check_content(f"{param}.content", message.get("content"), optional=role == "assistant")


def _check_content(param: str, content: object, *, optional: bool) -> None:
    if isinstance(content, str) or (content is None and optional):
        return
    if not isinstance(content, list):
        raise wrong_type(param, "one of a string or array of objects", content)
    for index, part in enumerate(content):
        _check_part(f"{param}[{index}]", part)


def _check_part(param: str, part: object) -> None:
    if not isinstance(part, dict):
        raise wrong_type(param, "an object", part)
    kind = part.get("type")
    if kind is None:
        raise missing(f"{param}.type")
    _check_part_type(f"{param}.type", kind)
    if part.get(kind) is None:
        raise missing(f"{param}.{kind}")
    if kind in {"text", "refusal"}:
        checks.string(f"{param}.{kind}", part[kind])
