"""What must not be in a file: URLs with passwords, tokens, keys. Read from the environment."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from config.errors import ConfigError
from config.settings import Settings

SHORTEST_SECRET = 16


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """Secrets of one process. Its repr shows none of them."""

    database_url: str
    redis_url: str
    admin_token: str
    key_secret: bytes
    upstream_keys: dict[str, str]
    stripe_secret_key: str | None = None
    stripe_webhook_secret: str | None = None
    stripe_api_base: str | None = None
    smtp_password: str | None = None
    notice_webhook_secret: bytes | None = None

    def __repr__(self) -> str:
        return "Secrets(…)"


def load_secrets(settings: Settings, environment: Mapping[str, str]) -> Secrets:
    """All secrets that a serving process needs.

    Raises:
        ConfigError: names the variable that is missing or too short.
    """
    return Secrets(
        database_url=_required(environment, "TOLLGATE_DATABASE_URL"),
        redis_url=_required(environment, "TOLLGATE_REDIS_URL"),
        admin_token=_long_enough(environment, "TOLLGATE_ADMIN_TOKEN"),
        key_secret=_long_enough(environment, "TOLLGATE_KEY_SECRET").encode(),
        upstream_keys={
            name: _required(environment, upstream.api_key_env)
            for name, upstream in settings.upstreams.items()
        },
        stripe_secret_key=environment.get("STRIPE_SECRET_KEY") or None,
        stripe_webhook_secret=environment.get("STRIPE_WEBHOOK_SECRET") or None,
        stripe_api_base=stripe_api_base(environment),
        smtp_password=_smtp_password(settings, environment),
        notice_webhook_secret=_notice_webhook_secret(settings, environment),
    )


def stripe_api_base(environment: Mapping[str, str]) -> str | None:
    """Where Stripe's API is, if it is not Stripe's own. Raises ConfigError."""
    variable = "TOLLGATE_STRIPE_API_BASE"
    value = environment.get(variable, "").rstrip("/")
    url = urlsplit(value)
    if value and (url.scheme not in ("http", "https") or not url.hostname):
        raise ConfigError("environment", variable, "must be an http or https URL")
    return value or None


def _smtp_password(settings: Settings, environment: Mapping[str, str]) -> str | None:
    if settings.smtp_host is None or settings.smtp_username is None:
        return None
    return _required(environment, "TOLLGATE_SMTP_PASSWORD")


def _notice_webhook_secret(settings: Settings, environment: Mapping[str, str]) -> bytes | None:
    # Whoever cannot tell our webhooks from others' must not act on them: none goes out unsigned.
    if settings.notice_webhook_url is None:
        return None
    return _long_enough(environment, "TOLLGATE_NOTICE_WEBHOOK_SECRET").encode()


def _required(environment: Mapping[str, str], variable: str) -> str:
    value = environment.get(variable, "")
    if not value:
        raise ConfigError("environment", variable, "must be set")
    return value


def _long_enough(environment: Mapping[str, str], variable: str) -> str:
    value = _required(environment, variable)
    if len(value) < SHORTEST_SECRET:
        reason = f"must have at least {SHORTEST_SECRET} characters"
        raise ConfigError("environment", variable, reason)
    return value
