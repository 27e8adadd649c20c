"""Which tokenizer a model has, by its name; nothing is loaded for it."""

import tiktoken

from pricing.tokens import KNOWN_ENCODINGS

_SAME_MODELS = ("openai/", "azure/")


def encoding_of(model: str) -> str | None:
    """The tiktoken encoding of one of OpenAI's models, also as others list them; else None."""
    for prefix in _SAME_MODELS:
        model = model.removeprefix(prefix)
    try:
        encoding = tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None
    return encoding if encoding in KNOWN_ENCODINGS else None
