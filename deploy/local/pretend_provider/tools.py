"""The tool that a request insists on, and a plausible call of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.local.pretend_provider import checks
from deploy.local.pretend_provider.errors import invalid, missing, wrong_type
from deploy.local.pretend_provider.fields import MAX_TOOLS

_check_tool_type = checks.one_of("function", "custom")
_check_mode = checks.one_of("none", "auto", "required")
_DEEPEST_SCHEMA = 8
_EXAMPLES = {"integer": 1, "number": 1.5, "boolean": True, "array": [], "null": None}


@dataclass(frozen=True, slots=True)
class ForcedTool:
    """A call that the answer must make; `arguments` is JSON text, as the real provider has it."""

    name: str
    arguments: str
    finish_reason: str


def read_forced_tool(tools: list[Any] | None, choice: object) -> ForcedTool | None:
    """The call that `tool_choice` demands, None where it leaves the choice to the model.

    Raises ProviderError (400) for tools or a choice that are not well-formed.
    """
    functions = _read_functions(tools or [])
    if choice is None:
        return None
    if not tools:
        message = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
        raise invalid(message + "specified.", "tool_choice")
    if isinstance(choice, dict):
        name = _named_function(choice)
        if name not in functions:
            message = f"Tool choice '{name}' not found in 'tools' parameter."
            raise invalid(message, "tool_choice")
        return _plausible_call(name, functions[name], "stop")
    _check_mode("tool_choice", choice)
    if choice != "required" or not functions:
        return None
    name = next(iter(functions))
    return _plausible_call(name, functions[name], "tool_calls")


def _read_functions(tools: list[Any]) -> dict[str, Mapping[str, Any]]:
    if len(tools) > MAX_TOOLS:
        message = f"Invalid 'tools': array too long. Expected at most {MAX_TOOLS}."
        raise invalid(message, "tools", "array_above_max_length")
    functions = {}
    for index, tool in enumerate(tools):
        param = f"tools[{index}]"
        checks.json_object(param, tool)
        if "type" not in tool:
            raise missing(f"{param}.type")
        _check_tool_type(f"{param}.type", tool["type"])
        if tool["type"] == "function":
            function = _required_object(tool, "function", param)
            functions[_required_name(function, f"{param}.function")] = function
    return functions


def _named_function(choice: Mapping[str, Any]) -> str:
    if choice.get("type") != "function":
        message = "The pretend provider can only be made to call a tool of type 'function'."
        raise invalid(message, "tool_choice.type", "invalid_value")
    function = _required_object(choice, "function", "tool_choice")
    return _required_name(function, "tool_choice.function")


def _required_object(value: Mapping[str, Any], field: str, param: str) -> Mapping[str, Any]:
    if field not in value:
        raise missing(f"{param}.{field}")
    found = value[field]
    if not isinstance(found, dict):
        raise wrong_type(f"{param}.{field}", "an object", found)
    return found


def _required_name(function: Mapping[str, Any], param: str) -> str:
    name = function.get("name")
    if not name:
        raise missing(f"{param}.name")
    checks.string(f"{param}.name", name)
    return str(name)


def _plausible_call(name: str, function: Mapping[str, Any], finish_reason: str) -> ForcedTool:
    example = _example_of(function.get("parameters"), _DEEPEST_SCHEMA)
    arguments = json.dumps(example if isinstance(example, dict) else {}, separators=(",", ":"))
    return ForcedTool(name, arguments, finish_reason)


def _example_of(schema: object, depth: int) -> object:
    """Something that fits a JSON schema, as far as the schema is simple."""
    if not isinstance(schema, dict) or depth == 0:
        return "pretend"
    for field in ("enum", "anyOf", "oneOf"):
        options = schema.get(field)
        if isinstance(options, list) and options:
            return options[0] if field == "enum" else _example_of(options[0], depth - 1)
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        kind = kind[0]
    if kind == "object":
        return _example_object(schema, depth)
    return _EXAMPLES.get(kind, "pretend") if isinstance(kind, str) else "pretend"


def _example_object(schema: Mapping[str, Any], depth: int) -> dict[str, object]:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, dict) or not isinstance(required, list):
        return {}
    return {
        name: _example_of(properties[name], depth - 1)
        for name in required
        if isinstance(name, str) and name in properties
    }
