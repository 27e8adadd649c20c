"""Habits of the house that nobody should have to remember."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from billing.queries import load_queries as load_billing_queries
from config.settings import DEFAULT_FOLDER, FILE_NAME, Settings, UpstreamSettings
from ledger.queries import Queries, load_queries
from ledger.scripts import load_script
from tests.support.float_habit import any_float, floats_near_money

ROOT = Path(__file__).parents[2]
PACKAGES = ("config", "pricing", "ledger", "billing", "console", "proxy", "deploy")
SOURCES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
SQL_FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.sql"))]
SETTINGS_TEXT = (DEFAULT_FOLDER / FILE_NAME).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SOURCES)
def test_no_float_is_near_money(name: str) -> None:
    """Money: amounts are integers of millicredits; nothing divides them or makes them floats."""
    assert floats_near_money(SOURCES[name]) == []


ARITHMETIC = [
    name for name in SOURCES if name.startswith("pricing/") and name != "pricing/rank_files.py"
]


@pytest.mark.parametrize("name", ARITHMETIC)
def test_no_float_is_in_pricing_at_all(name: str) -> None:
    """Money: the arithmetic of prices has no float, not even for a moment."""
    assert any_float(SOURCES[name]) == []


@pytest.mark.parametrize(
    "source",
    [
        "x = charge_mc / 1000",
        "x = 1 / self.balance_mc",
        "balance_mc /= 2",
        "x = charge_mc * 1.05",
        "x = units * rate.millionths * 1e-6",
        "x = float(balance.available_mc)",
        "x = round(amount_mc, -3)",
        "charge_mc: float = 0",
        "charge_mc = 0.0",
        "def pay(amount_mc: float) -> None: ...",
        "def pay(amount_mc: int | float) -> None: ...",
        "def charge_mc() -> float: ...",
        "x = row['charge_mc'] / 1000",
        "x = float(row['amount'])",
    ],
)
def test_a_float_near_money_is_found(source: str) -> None:
    """The habit's own test: what it must find, it finds."""
    assert floats_near_money(source)


@pytest.mark.parametrize(
    "source",
    [
        "x = charge_mc // 1000",
        "x = folder / 'credits_page.html'",
        "x, y = divmod(amount_mc, 1000)",
        "timeout_s: float = 0.5",
        "x = elapsed_s / 1000",
    ],
)
def test_what_is_no_money_may_be_a_float(source: str) -> None:
    """The habit's own test: it cries for nothing else."""
    assert floats_near_money(source) == []


def test_money_columns_are_whole_numbers() -> None:
    """Money: every `_mc` column is a bigint, and no column is a float or a numeric."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SQL_FILES)
    code = re.sub(r"--.*", "", text).lower()
    assert not re.search(r"\b(real|float[48]?|double precision|numeric|decimal|money)\b", code)
    tables = "".join(re.findall(r"create table .*?\n\)", code, re.DOTALL))
    columns = re.findall(r"^    (\w+_mc) (\w+)", tables, re.MULTILINE)
    assert len(columns) > 5
    assert {kind for _, kind in columns} == {"bigint"}


@pytest.mark.parametrize("name", sorted(set(Settings.__struct_fields__) - {"upstreams"}))
def test_every_setting_is_documented(name: str) -> None:
    """Config: `tollgate.toml` has each setting, in a paragraph that says what it does."""
    paragraphs = [part for part in SETTINGS_TEXT.split("\n\n") if _sets(part, name)]
    assert len(paragraphs) == 1
    explanation = [line for line in paragraphs[0].splitlines() if _explains(line)]
    assert explanation


@pytest.mark.parametrize("name", UpstreamSettings.__struct_fields__)
def test_every_setting_of_an_upstream_is_shown(name: str) -> None:
    """Config: the shipped upstream has all that an upstream can have."""
    assert name in tomllib.loads(SETTINGS_TEXT)["upstreams"]["openai"]


def test_every_key_of_a_rate_table_is_documented() -> None:
    """Config: `rates.toml` explains each key of a model."""
    from config.model_plan import ChangeTable, ModelTable  # noqa: PLC0415 - only here

    text = (DEFAULT_FOLDER / "rates.toml").read_text(encoding="utf-8")
    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    missing = [
        field.name
        for shape in (ModelTable, ChangeTable)
        for field in msgspec.structs.fields(shape)
        if not re.search(rf"\b{field.name}\b", comments)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("package", "load_queries"), [("ledger", load_queries), ("billing", load_billing_queries)]
)
def test_every_sql_statement_is_used(package: str, load_queries: Callable[[str], Queries]) -> None:
    """SQL: each statement is asked for in a module that loads its file."""
    asked: dict[str, str] = defaultdict(str)
    for name, source in SOURCES.items():
        if name.startswith("billing/") != (package == "billing"):
            continue
        tree = ast.parse(source)
        for topic in _arguments(tree, "load_queries"):
            asked[topic] += "|".join(["", *_texts(tree)])
    topics = {path.stem for path in (ROOT / package / "sql").glob("*.sql")}
    assert set(asked) == topics
    for topic in topics:
        names = load_queries(topic).names()
        assert names
        assert [name for name in names if not re.fullmatch(asked[topic], name)] == []


def test_every_script_is_used() -> None:
    """Lua: each verb is loaded somewhere, each include is included; each has its header."""
    folder = ROOT / "ledger" / "lua"
    verbs = {path.stem for path in folder.glob("*.lua")}
    trees = [ast.parse(source) for source in SOURCES.values()]
    assert {name for tree in trees for name in _arguments(tree, "load_script")} == verbs
    included = set()
    for verb in verbs:
        text = (folder / f"{verb}.lua").read_text(encoding="utf-8")
        included |= set(re.findall(r"^-- @include (\w+)$", text, re.MULTILINE))
        assert "-- Input:" in text
        assert "-- Output:" in text
        assert text.startswith("#!lua")
        assert "-- @include" not in load_script(verb).text
    assert included == {path.stem for path in (folder / "include").glob("*.lua")}


@pytest.mark.parametrize("name", SOURCES)
def test_every_module_says_what_it_is_for(name: str) -> None:
    """House: the first line of a module is its purpose, in a sentence or a heading."""
    documented = ast.get_docstring(ast.parse(SOURCES[name]))
    assert documented
    assert len(documented.splitlines()[0]) > 15


def _sets(paragraph: str, name: str) -> bool:
    return bool(re.search(rf"^(# )?{name} = ", paragraph, re.MULTILINE))


def _explains(line: str) -> bool:
    return line.startswith("# ") and not re.match(r"# \w+ = ", line)


def _arguments(tree: ast.Module, function: str) -> Iterator[str]:
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if is_call and node.func.id == function and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


def _texts(tree: ast.Module) -> Iterator[str]:
    """Patterns of all texts of a module; what is put into one may be anything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr) and isinstance(node.values[-1], ast.Constant):
            yield "".join(
                re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"\w+"
                for part in node.values
            )
