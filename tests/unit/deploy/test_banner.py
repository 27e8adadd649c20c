"""What `tollgate up` prints."""

import dataclasses
import json
import shlex
from pathlib import Path

import pytest

from deploy.local.banner import Welcome, banner, curl_line, sdk_snippet

WELCOME = Welcome(
    base_url="http://127.0.0.1:8080/v1",
    account_id="0190",
    api_key="sk-tg-key",
    balance_mc=10_000_000,
    console_url="http://127.0.0.1:8080/console/login?token=t",
    provider="pretend",
    payments="pretend",
    model="""it's "odd" $HOME""",
    state_dir=Path("/state"),
    data=[],
    logs=[Path("/state/postgres.log")],
)


def test_any_model_name_survives_the_shell() -> None:
    """The line is pasted as it is."""
    words = shlex.split(curl_line(WELCOME))
    assert words[0] == "curl"
    assert "Authorization: Bearer sk-tg-key" in words
    assert json.loads(words[-1])["model"] == WELCOME.model


def test_any_model_name_survives_python() -> None:
    """The snippet is pasted as it is."""
    call = next(line for line in sdk_snippet(WELCOME).splitlines() if "model=" in line)
    assert json.dumps(WELCOME.model) in call
    compile(sdk_snippet(WELCOME), "snippet", "exec")


@pytest.mark.parametrize(
    ("balance_mc", "text"),
    [
        (10_000_000, "10,000 credits"),
        (9_999_500, "9,999.5 credits"),
        (1, "0.001 credits"),
        (0, "0 credits"),
        (-500, "-0.5 credits"),
        (-1_234_000, "-1,234 credits"),
    ],
)
def test_the_balance_is_shown_exactly(balance_mc: int, text: str) -> None:
    """By integers alone."""
    shown = banner(dataclasses.replace(WELCOME, balance_mc=balance_mc))
    assert f" {text}\n" in shown
