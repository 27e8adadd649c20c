"""What `tollgate up` prints when it serves: all that it takes to make a first call."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pricing.money import MILLICREDITS

QUESTION = "Say hello."


@dataclass(frozen=True)
class Welcome:
    """What the banner tells. `logs` are files that exist."""

    base_url: str
    account_id: str
    api_key: str
    balance_mc: int
    console_url: str
    provider: str
    payments: str
    model: str
    state_dir: Path
    data: Sequence[Path]
    logs: Sequence[Path]


def banner(welcome: Welcome) -> str:
    """The text, of whole lines. Commands begin at the margin, to be pasted as they are."""
    facts = {
        "Base URL": welcome.base_url,
        "API key": welcome.api_key,
        "Balance": f"{_credits(welcome.balance_mc)} credits",
        "Credits page": f"{welcome.console_url}  (a link for one sign-in)",
        "Provider": welcome.provider,
        "Payments": welcome.payments,
        "State": f"{welcome.state_dir}, where dev.json says all this to programs",
        "Data": ", ".join(str(path) for path in welcome.data) or "in databases of your own",
        "Logs": ", ".join(["here", *map(str, welcome.logs)]),
    }
    lines = [f"  {name:<14}{value}" for name, value in facts.items()]
    return "\n".join(
        [
            "",
            "Tollgate serves.",
            "",
            *lines,
            "",
            "Make a call with curl:",
            "",
            curl_line(welcome),
            "",
            "or with the OpenAI SDK for Python (pip install openai):",
            "",
            sdk_snippet(welcome),
            "",
            "Ctrl-C stops it; balances and keys are kept for the next start.",
            "",
        ]
    )


def curl_line(welcome: Welcome) -> str:
    """One line for a shell."""
    body = {"model": welcome.model, "messages": [{"role": "user", "content": QUESTION}]}
    arguments = ["curl", "-sS", f"{welcome.base_url}/chat/completions"]
    arguments += ["-H", f"Authorization: Bearer {welcome.api_key}"]
    arguments += ["-H", "Content-Type: application/json"]
    arguments += ["-d", json.dumps(body)]
    return shlex.join(arguments)


def sdk_snippet(welcome: Welcome) -> str:
    """A Python program."""
    return f"""\
from openai import OpenAI
client = OpenAI(base_url={json.dumps(welcome.base_url)}, api_key={json.dumps(welcome.api_key)})
messages = [{{"role": "user", "content": {json.dumps(QUESTION)}}}]
answer = client.chat.completions.create(model={json.dumps(welcome.model)}, messages=messages)
print(answer.choices[0].message.content)
print(client.get("/credits/balance", cast_to=object))"""


def _credits(amount_mc: int) -> str:
    whole, part = divmod(abs(amount_mc), MILLICREDITS)
    decimals = f".{part:03d}".rstrip("0").rstrip(".")
    return f"{'-' if amount_mc < 0 else ''}{whole:,}{decimals}"
