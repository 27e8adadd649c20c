"""`tollgate rates import`: from a price list to a table that can be used."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.settings import DEFAULT_FOLDER
from proxy.cli import main

Run = Callable[..., Result]

GPT_4O = {
    "max_input_tokens": 128000,
    "max_output_tokens": 16384,
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1.25e-06,
    "litellm_provider": "openai",
    "mode": "chat",
}
PRICES = {
    "gpt-4o": GPT_4O,
    "gpt-4o-mini": {**GPT_4O, "input_cost_per_token": 1.5e-07},
    "claude": {**GPT_4O, "litellm_provider": "anthropic"},
    "embedding": {**GPT_4O, "mode": "embedding"},
}
EXPECTED = """\
# Made from prices.json, a list of LiteLLM shape, at a markup of 4.
# Rates are credits per 1,000 tokens; a dollar is 1,000 credits.
# Costs are USD per million tokens.

[models."gpt-4o"]
upstream = "openai"
input = "10"  # 2.50 USD per million x 4
cached_input = "5"  # 1.25 USD per million x 4
output = "40"  # 10.00 USD per million x 4
cost_input = "2.5"
cost_cached_input = "1.25"
cost_output = "10"
context_window = 128000
max_output_tokens = 16384
tokenizer = "o200k_base"
"""
TWO_UPSTREAMS = """
[upstreams.openai]
base_url = "https://api.openai.com/v1"
api_key_env = "OPENAI_API_KEY"

[upstreams.anthropic]
base_url = "https://api.anthropic.com/v1"
api_key_env = "ANTHROPIC_API_KEY"
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Imports prices; `code` is how it must end, `settings` another tollgate.toml."""

    def run_it(
        *arguments: str, prices: object = PRICES, code: int = 0, settings: str | None = None
    ) -> Result:
        (tmp_path / "prices.json").write_text(json.dumps(prices))
        folder = DEFAULT_FOLDER
        if settings is not None:
            folder = tmp_path
            (folder / "tollgate.toml").write_text(settings)
        command = ("rates", "import", str(tmp_path / "prices.json"), *arguments)
        result = CliRunner(env={"TOLLGATE_CONFIG_DIR": str(folder)}).invoke(main, command)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run_it


def names_in(text: str) -> list[str]:
    return list(tomllib.loads(text)["models"])


def test_a_table_is_made_with_the_sources_figures_beside_the_rates(run: Run) -> None:
    """Import: line by line."""
    result = run("--markup", "4", "--models", "gpt-4o")
    assert result.stdout == EXPECTED
    assert result.stderr == "Imported: 1 model.\n"


def test_what_cannot_be_imported_is_listed_with_the_reason(run: Run) -> None:
    """Import: on standard error, at the end."""
    result = run("--markup", "4")
    assert names_in(result.stdout) == ["gpt-4o", "gpt-4o-mini"]
    said = result.stderr.splitlines()
    assert said[:2] == ["Imported: 2 models.", "Not imported: 2 models."]
    assert said[2] == "  \"embedding\" is not for chat (its mode is 'embedding')"
    assert said[3].startswith('  "claude" is served by "anthropic", which is not an upstream of')


def test_a_table_is_written_to_a_file_but_never_over_another(run: Run, tmp_path: Path) -> None:
    """Import: only with --force; it is good at once."""
    output = tmp_path / "new.toml"
    to_file = ("--markup", "4", "--models", "gpt-4o", "--output", str(output))
    assert run(*to_file).stdout == ""
    assert output.read_text() == EXPECTED
    output.write_text("mine")
    refused = run(*to_file, code=1)
    assert f"{output} is there already: --force replaces it" in refused.stderr
    assert output.read_text() == "mine"
    run(*to_file, "--force")
    assert output.read_text() == EXPECTED
    checked = CliRunner().invoke(main, ("rates", "check", str(output)))
    assert checked.exit_code == 0, checked.output


def test_models_are_chosen_by_patterns(run: Run) -> None:
    """Import: one or several, in one option or in more."""
    for patterns in (("gpt-4o*",), ("gpt-4o", "gpt-4o-mini"), ("gpt-4o", "--models", "*-mini")):
        result = run("--markup", "4", "--models", *patterns)
        assert names_in(result.stdout) == ["gpt-4o", "gpt-4o-mini"]
        assert "Not imported" not in result.stderr
    result = run("gpt-4o", "--markup", "4", code=2)
    assert "Patterns go after --models" in result.stderr


def test_the_upstream_is_the_lists_provider_unless_said(run: Run) -> None:
    """Import: nobody's model is sent to somebody else, unless it is asked for."""
    result = run("--markup", "4", settings=TWO_UPSTREAMS)
    models = tomllib.loads(result.stdout)["models"]
    assert {name: model["upstream"] for name, model in models.items()} == {
        "gpt-4o": "openai",
        "gpt-4o-mini": "openai",
        "claude": "anthropic",
    }
    result = run("--markup", "4", "--upstream", "openai", "--models", "claude")
    assert names_in(result.stdout) == ["claude"]
    plain = {"m": {"input": 1, "output": 2, "context_window": 3}}
    assert names_in(run("--markup", "4", prices=plain).stdout) == ["m"]
    result = run("--markup", "4", prices=plain, settings=TWO_UPSTREAMS, code=1)
    assert "could be served by several upstreams: say which with --upstream" in result.stderr


def test_what_a_credit_is_worth_is_minded(run: Run) -> None:
    """Import: 100 credits per USD make rates a tenth as large."""
    settings = f"credits_per_usd = 100\n{TWO_UPSTREAMS}"
    result = run("--markup", "4", "--models", "gpt-4o", settings=settings)
    model = tomllib.loads(result.stdout)["models"]["gpt-4o"]
    assert (model["input"], model["output"], model["cost_input"]) == ("1", "4", "2.5")
    assert 'input = "1"  # 2.50 USD per million x 4 at 100 credits per USD' in result.stdout


def test_remarks_are_pointed_at(run: Run) -> None:
    """Import: what the rates do not cover must be seen."""
    prices = {"m": {**GPT_4O, "input_cost_per_token_above_200k_tokens": 5e-06}}
    result = run("--markup", "4", prices=prices)
    assert "do not cover: input_cost_per_token_above_200k_tokens." in result.stdout
    assert "To be looked at: 1 model" in result.stderr


@pytest.mark.parametrize(
    "name", ['a"b', "a\\", "a]\n[models.b", "# a", "a\x1b[31m", "a.b", "ä💳", "\u202eevil", "'''"]
)
def test_hostile_names_stay_names(run: Run, name: str) -> None:
    """Import: neither a key nor a comment nor the terminal is broken out of."""
    prices = {
        name: GPT_4O,
        f"{name}!": {**GPT_4O, "mode": "image"},
        "m": {**GPT_4O, f"cost {name}": 1},
    }
    result = run("--markup", "4", prices=prices)
    assert names_in(result.stdout) == [name, "m"]
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output
    assert len(result.stderr.splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        ((), "Missing option '--markup'", 2),
        (("--markup", "0"), "'0': A markup is a decimal number above 0", 2),
        (("--markup", "1e3"), "'1e3': A markup is a decimal number above 0", 2),
        (("--markup", "4", "--upstream", "nobody"), "'nobody' is not an upstream", 2),
        (("--markup", "4", "--models", "none"), "no model can be imported", 1),
        (("--markup", "4", "--output", "/dev/null/x.toml"), "cannot be written", 1),
    ],
)
def test_what_cannot_be_done_is_said(
    run: Run, arguments: tuple[str, ...], said: str, code: int
) -> None:
    """Import: the option, and what would be right."""
    result = run(*arguments, code=code)
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_file_that_is_no_price_list_is_named(run: Run, tmp_path: Path) -> None:
    """Import: with what it should be."""
    result = run("--markup", "4", prices=[1], code=1)
    assert f"Error: {tmp_path / 'prices.json'}: is no price list that is known" in result.stderr
