"""The fields that a chat completion request may have, and what each must be."""

from deploy.local.pretend_provider import checks
from deploy.local.pretend_provider.checks import Check

MAX_CHOICES = 128
MAX_TOOLS = 128

REQUEST_FIELDS: dict[str, Check] = {
    "audio": checks.json_object,
    "frequency_penalty": checks.decimal(-2, 2),
    "function_call": checks.string_or_object,
    "functions": checks.array,
    "logit_bias": checks.json_object,
    "logprobs": checks.boolean,
    "max_completion_tokens": checks.integer(1),
    "max_tokens": checks.integer(1),
    "messages": checks.array,
    "metadata": checks.json_object,
    "modalities": checks.array,
    "model": checks.string,
    "moderation": checks.json_object,
    "n": checks.integer(1, MAX_CHOICES),
    "parallel_tool_calls": checks.boolean,
    "prediction": checks.json_object,
    "presence_penalty": checks.decimal(-2, 2),
    "prompt_cache_key": checks.string,
    "prompt_cache_options": checks.json_object,
    "prompt_cache_retention": checks.one_of("in_memory", "24h"),
    "reasoning_effort": checks.string,
    "response_format": checks.json_object,
    "safety_identifier": checks.string,
    "seed": checks.integer(),
    "service_tier": checks.string,
    "stop": checks.string_or_array,
    "store": checks.boolean,
    "stream": checks.boolean,
    "stream_options": checks.json_object,
    "temperature": checks.decimal(0, 2),
    "tool_choice": checks.string_or_object,
    "tools": checks.array,
    "top_logprobs": checks.integer(0, 20),
    "top_p": checks.decimal(0, 1),
    "user": checks.string,
    "verbosity": checks.one_of("low", "medium", "high"),
    "web_search_options": checks.json_object,
}

STREAM_OPTIONS: dict[str, Check] = {
    "include_obfuscation": checks.boolean,
    "include_usage": checks.boolean,
}
