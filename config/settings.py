"""The settings of `tollgate.toml`, overridden by `TOLLGATE_…` variables, as one frozen value."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from config.addresses import is_email, is_web_address
from config.errors import ConfigError
from config.toml_file import convert, load_toml

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Delay = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=2**40)]
OrphanPolicy = Literal["ceiling", "input", "release"]
Rounding = Literal["millicredit", "credit"]
SmtpSecurity = Literal["starttls", "tls", "none"]

DEFAULT_FOLDER = Path(__file__).parent
FILE_NAME = "tollgate.toml"

_PAYMENT_METHOD = re.compile(r"[a-z][a-z0-9_]*")


class UpstreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A provider: where it is, and the variable that has its key."""

    base_url: str
    api_key_env: str
    connect_timeout_s: Seconds = 10
    read_timeout_s: Seconds = 600


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that operators set, secrets apart. `config/tollgate.toml` explains each."""

    rounding: Rounding = "millicredit"
    credits_per_usd: Count = 1000
    low_balance_credits: Annotated[int, msgspec.Meta(ge=0, le=10**9)] = 500
    purchased_credits_expire_after_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 0
    checkout_payment_methods: str = ""
    checkout_automatic_tax: bool = False
    checkout_promotion_codes: bool = False
    refuse_calls_during_disputes: bool = False
    billing_sync_every_s: Delay = 300
    reservation_ttl_s: Annotated[float, msgspec.Meta(ge=1, le=86_400)] = 60
    orphan_policy: OrphanPolicy = "input"
    abandoned_drain_s: Delay = 30
    settle_wait_s: Seconds = 5
    min_clamp_tokens: Count = 256
    max_body_bytes: Count = 20_000_000
    client_timeout_s: Seconds = 60
    max_unwritten_records: Count = 100_000
    reconcile_every_s: Delay = 300
    shutdown_timeout_s: Seconds = 30
    shutdown_delay_s: Delay = 0
    console_link_ttl_s: Seconds = 900
    console_session_ttl_s: Seconds = 43_200
    public_url: str | None = None
    top_up_url: str | None = None
    smtp_host: str | None = None
    smtp_port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 587
    smtp_security: SmtpSecurity = "starttls"
    smtp_username: str | None = None
    smtp_from: str | None = None
    notice_webhook_url: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080
    workers: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    state_dir: str = ".tollgate"
    upstreams: dict[str, UpstreamSettings]

    @property
    def top_up_page(self) -> str:
        """Where people add credits; without a host where `public_url` is not set."""
        return self.top_up_url or f"{self.public_url or ''}/console"


def config_folder(environment: Mapping[str, str]) -> Path:
    """`TOLLGATE_CONFIG_DIR`, else `config` here if it has settings, else the shipped ones."""
    named = environment.get("TOLLGATE_CONFIG_DIR")
    if named:
        return Path(named)
    here = Path("config")
    return here if (here / FILE_NAME).is_file() else DEFAULT_FOLDER


def load_settings(folder: Path, environment: Mapping[str, str]) -> Settings:
    """The settings of a folder's `tollgate.toml`, with the environment's overrides.

    Raises:
        ConfigError: names the file or the variable, the key and the reason.
    """
    path = folder / FILE_NAME
    tables = load_toml(path)
    upstreams = convert(tables.get("upstreams", {}), dict[str, Any], str(path), "upstreams")
    for name, upstream in upstreams.items():
        convert(upstream, UpstreamSettings, str(path), f"upstreams.{name}")
    convert(tables, Settings, str(path))
    for key in Settings.__struct_fields__:
        if key != "upstreams":
            _override(tables, key, f"TOLLGATE_{key.upper()}", Settings, environment)
    for name, upstream in tables["upstreams"].items():
        _override_upstream(name, upstream, environment)
    settings = convert(tables, Settings, str(path))
    _check_pages(settings)
    _check_payment_methods(settings)
    _check_notices(settings)
    return settings


def _check_pages(settings: Settings) -> None:
    for key in ("public_url", "top_up_url"):
        text = getattr(settings, key)
        if text is None:
            continue
        url = urlsplit(text) if is_web_address(text) else None
        if url is None or (key == "public_url" and (url.query or url.fragment)):
            what = "an http or https URL" + (" without a query" if key == "public_url" else "")
            raise ConfigError(FILE_NAME, key, f"must be {what}, like https://credits.example.com")


def _check_payment_methods(settings: Settings) -> None:
    names = settings.checkout_payment_methods
    if names and not all(_PAYMENT_METHOD.fullmatch(name.strip()) for name in names.split(",")):
        reason = 'must be Stripe\'s names of ways to pay with commas between, like "card,paypal"'
        raise ConfigError(FILE_NAME, "checkout_payment_methods", f"{reason}, got {names!r}")


def _check_notices(settings: Settings) -> None:
    if settings.smtp_host is not None and not is_email(settings.smtp_from or ""):
        reason = "must be the address that e-mails come from, like credits@example.com"
        raise ConfigError(FILE_NAME, "smtp_from", reason)
    url = settings.notice_webhook_url
    if url is not None and not (is_web_address(url) and not urlsplit(url).fragment):
        raise ConfigError(FILE_NAME, "notice_webhook_url", "must be an http or https URL")


def _override_upstream(name: str, table: dict[str, Any], environment: Mapping[str, str]) -> None:
    for key in UpstreamSettings.__struct_fields__:
        variable = f"TOLLGATE_UPSTREAMS_{name.upper().replace('-', '_')}_{key.upper()}"
        _override(table, key, variable, UpstreamSettings, environment)
    if name == "openai":
        _override(table, "base_url", "OPENAI_BASE_URL", UpstreamSettings, environment)
    text = table["base_url"]
    if not is_web_address(text) or urlsplit(text).query or urlsplit(text).fragment:
        raise ConfigError(
            FILE_NAME, f"upstreams.{name}.base_url", "must be an http or https URL without a query"
        )


def _override(
    table: dict[str, Any],
    key: str,
    variable: str,
    shape: type[msgspec.Struct],
    environment: Mapping[str, str],
) -> None:
    text = environment.get(variable)
    if text is None or text == "":
        return
    field = next(f for f in msgspec.structs.fields(shape) if f.name == key)
    try:
        table[key] = msgspec.convert(text, field.type, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError("environment", variable, f"{error}, got {text!r}") from None
