"""Settings: from the file, overridden by the environment, or refused by name."""

import tomllib
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import DEFAULT_FOLDER, FILE_NAME, Settings, config_folder, load_settings

UPSTREAM = '[upstreams.openai]\nbase_url = "https://a.example/v1"\napi_key_env = "KEY"\n'


def write(folder: Path, text: str) -> Path:
    (folder / FILE_NAME).write_text(text + "\n" + UPSTREAM, encoding="utf-8")
    return folder


def refusal(folder: Path, environment: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as raised:
        load_settings(folder, environment)
    return raised.value


def test_the_shipped_file_has_the_defaults() -> None:
    """Config: what the file says of a setting is what goes without it."""
    shipped = load_settings(DEFAULT_FOLDER, {})
    assert shipped == Settings(upstreams=shipped.upstreams)
    assert shipped.upstreams["openai"].base_url == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("line", "key", "reason"),
    [
        ('rounding = "up"', "rounding", "invalid enum value 'up'"),
        ("rounding = 1", "rounding", "got `int`"),
        ("credits_per_usd = 0", "credits_per_usd", ">= 1"),
        ("credits_per_usd = 1.5", "credits_per_usd", "got `float`"),
        ("low_balance_credits = -1", "low_balance_credits", ">= 0"),
        ("reservation_ttl_s = 0.5", "reservation_ttl_s", ">= 1"),
        ("reservation_ttl_s = nan", "reservation_ttl_s", "expected `float`"),
        ("reservation_ttl_s = inf", "reservation_ttl_s", "<= 86400"),
        ('reservation_ttl_s = "60"', "reservation_ttl_s", "got `str`"),
        ('orphan_policy = "free"', "orphan_policy", "invalid enum value 'free'"),
        ("abandoned_drain_s = -1", "abandoned_drain_s", ">= 0"),
        ("settle_wait_s = 0", "settle_wait_s", "> 0"),
        ("min_clamp_tokens = 0", "min_clamp_tokens", ">= 1"),
        ("max_body_bytes = true", "max_body_bytes", "got `bool`"),
        ("port = 65536", "port", "<= 65535"),
        ("workers = 0", "workers", ">= 1"),
        ("public_url = 5", "public_url", "got `int`"),
        ("reservation_ttl = 60", "reservation_ttl", "is not a known key"),
        ("[upstream.openai]", "upstream", "is not a known key"),
        ("upstreams.azure = 5", "upstreams.azure", "expected `object`, got `int`"),
        ("workers 5", "", "is not TOML"),
    ],
)
def test_a_bad_setting_is_refused_by_key(tmp_path: Path, line: str, key: str, reason: str) -> None:
    """Bad settings are refused with file, key and reason."""
    error = refusal(write(tmp_path, line), {})
    assert (error.source, error.key) == (str(tmp_path / FILE_NAME), key)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('base_url = "ftp://a.example"', "upstreams.openai.base_url"),
        ('base_url = "a.example/v1"', "upstreams.openai.base_url"),
        ('base_url = "https://"', "upstreams.openai.base_url"),
        ('base_url = "https://a.example/v1?key=1"', "upstreams.openai.base_url"),
        ("base_url = 5", "upstreams.openai.base_url"),
        ('url = "https://a.example"', "upstreams.openai.url"),
        ('base_url = "https://a.example"\nread_timeout_s = 0', "upstreams.openai.read_timeout_s"),
        ('base_url = "https://a.example"\nsecret = "x"', "upstreams.openai.secret"),
    ],
)
def test_a_bad_upstream_is_refused_by_key(tmp_path: Path, line: str, key: str) -> None:
    """A provider's URL comes from the operator, and must be one."""
    text = f'[upstreams.openai]\napi_key_env = "KEY"\n{line}\n'
    (tmp_path / FILE_NAME).write_text(text)
    error = refusal(tmp_path, {})
    assert error.source.endswith(FILE_NAME)
    assert error.key == key
    assert error.reason


def test_settings_without_an_upstream_are_refused(tmp_path: Path) -> None:
    """Without a provider there is nothing to serve."""
    (tmp_path / FILE_NAME).write_text("port = 1")
    assert "upstreams" in refusal(tmp_path, {}).reason


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Whoever starts it learns which file is missing."""
    error = refusal(tmp_path, {})
    assert (error.source, error.reason) == (str(tmp_path / FILE_NAME), "no such file")


EVERY_SETTING = {
    "rounding": "credit",
    "credits_per_usd": "500",
    "low_balance_credits": "7",
    "purchased_credits_expire_after_days": "365",
    "checkout_payment_methods": "card,link",
    "checkout_automatic_tax": "True",
    "checkout_promotion_codes": "True",
    "refuse_calls_during_disputes": "True",
    "billing_sync_every_s": "60",
    "reservation_ttl_s": "12.5",
    "orphan_policy": "release",
    "abandoned_drain_s": "0",
    "settle_wait_s": "0.5",
    "min_clamp_tokens": "16",
    "max_body_bytes": "1000",
    "client_timeout_s": "3",
    "max_unwritten_records": "10",
    "reconcile_every_s": "60",
    "shutdown_timeout_s": "4",
    "shutdown_delay_s": "2",
    "console_link_ttl_s": "60",
    "console_session_ttl_s": "61",
    "public_url": "https://credits.example.com",
    "top_up_url": "https://pay.example.com",
    "smtp_host": "smtp.example.com",
    "smtp_port": "2525",
    "smtp_security": "tls",
    "smtp_username": "tollgate",
    "smtp_from": "credits@example.com",
    "notice_webhook_url": "https://app.example.com/hooks",
    "host": "0.0.0.0",
    "port": "1234",
    "workers": "3",
    "state_dir": "elsewhere",
}


def test_every_setting_can_come_from_the_environment() -> None:
    """Config: each is a TOLLGATE_ variable too, and the environment wins."""
    names = set(Settings.__struct_fields__) - {"upstreams"}
    assert set(EVERY_SETTING) == names
    environment = {f"TOLLGATE_{name.upper()}": value for name, value in EVERY_SETTING.items()}
    settings = load_settings(DEFAULT_FOLDER, environment)
    defaults = load_settings(DEFAULT_FOLDER, {})
    for name, value in EVERY_SETTING.items():
        set_to = getattr(settings, name)
        assert set_to != getattr(defaults, name)
        assert str(set_to).removesuffix(".0") == value.removesuffix(".0")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TOLLGATE_PORT", "http"),
        ("TOLLGATE_PORT", "70000"),
        ("TOLLGATE_PORT", "80.5"),
        ("TOLLGATE_WORKERS", "0"),
        ("TOLLGATE_ROUNDING", "CREDIT"),
        ("TOLLGATE_SETTLE_WAIT_S", "nan"),
        ("TOLLGATE_SETTLE_WAIT_S", "5s"),
        ("TOLLGATE_ORPHAN_POLICY", "x"),
        ("TOLLGATE_UPSTREAMS_OPENAI_READ_TIMEOUT_S", "-1"),
    ],
)
def test_a_bad_variable_is_refused_by_name(variable: str, value: str) -> None:
    """A bad environment is refused with variable, reason and what was given."""
    error = refusal(DEFAULT_FOLDER, {variable: value})
    assert (error.source, error.key) == ("environment", variable)
    assert repr(value) in error.reason


def test_a_variable_that_is_empty_sets_nothing() -> None:
    """Config: an empty variable is as none."""
    assert load_settings(DEFAULT_FOLDER, {"TOLLGATE_PORT": ""}).port == 8080


def test_an_upstream_can_come_from_the_environment() -> None:
    """Config: each key of an upstream, and OPENAI_BASE_URL for the one called openai."""
    environment = {
        "TOLLGATE_UPSTREAMS_OPENAI_BASE_URL": "https://b.example",
        "TOLLGATE_UPSTREAMS_OPENAI_API_KEY_ENV": "OTHER_KEY",
        "TOLLGATE_UPSTREAMS_OPENAI_READ_TIMEOUT_S": "7",
    }
    upstream = load_settings(DEFAULT_FOLDER, environment).upstreams["openai"]
    assert (upstream.base_url, upstream.api_key_env) == ("https://b.example", "OTHER_KEY")
    assert upstream.read_timeout_s == 7
    environment["OPENAI_BASE_URL"] = "http://127.0.0.1:9000/v1"
    upstream = load_settings(DEFAULT_FOLDER, environment).upstreams["openai"]
    assert upstream.base_url == "http://127.0.0.1:9000/v1"


def test_the_folder_is_the_one_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Config: TOLLGATE_CONFIG_DIR, else `config` here if it has settings, else the shipped one."""
    monkeypatch.chdir(tmp_path)
    assert config_folder({}) == DEFAULT_FOLDER
    (tmp_path / "config").mkdir()
    assert config_folder({}) == DEFAULT_FOLDER
    write(tmp_path / "config", "")
    assert config_folder({}).absolute() == tmp_path / "config"
    assert config_folder({"TOLLGATE_CONFIG_DIR": "/else"}) == Path("/else")


def test_the_shipped_file_is_toml_that_names_only_settings() -> None:
    """Config: a comment that is taken out of its `#` is a setting that works."""
    text = (DEFAULT_FOLDER / FILE_NAME).read_text(encoding="utf-8")
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line else line
        for line in text.splitlines()
    )
    assert set(tomllib.loads(uncommented)) <= set(Settings.__struct_fields__)


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("TOLLGATE_SMTP_HOST", "mail", "smtp_from"),
        ("TOLLGATE_NOTICE_WEBHOOK_URL", "app.example.com/hook", "notice_webhook_url"),
    ],
)
def test_notices_that_could_not_be_sent_are_refused(variable: str, value: str, key: str) -> None:
    """Config: whoever starts it learns what is missing, before anything is to be told."""
    assert refusal(DEFAULT_FOLDER, {variable: value}).key == key
