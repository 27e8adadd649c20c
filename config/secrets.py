"""What must not be in a file: URLs with passwords, tokens, keys. Read from the environment."""

from collections.abc import Mapping

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
    )


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
