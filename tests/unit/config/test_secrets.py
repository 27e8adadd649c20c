"""Secrets: from the environment only, long enough, and never shown."""

import pytest

from config.errors import ConfigError
from config.secrets import SHORTEST_SECRET, load_secrets
from config.settings import DEFAULT_FOLDER, load_settings

SETTINGS = load_settings(DEFAULT_FOLDER, {})
ENVIRONMENT = {
    "TOLLGATE_DATABASE_URL": "postgresql://user:hidden-1@db/tollgate",
    "TOLLGATE_REDIS_URL": "redis://:hidden-2@redis",
    "TOLLGATE_ADMIN_TOKEN": "hidden-3-hidden-3",
    "TOLLGATE_KEY_SECRET": "hidden-4-hidden-4",
    "OPENAI_API_KEY": "hidden-5",
}


@pytest.mark.parametrize("variable", ENVIRONMENT)
@pytest.mark.parametrize("given", [{}, {"": ""}])
def test_a_secret_that_is_missing_is_named(variable: str, given: dict[str, str]) -> None:
    """Refused by variable and reason; an empty one is as none."""
    others = {name: value for name, value in ENVIRONMENT.items() if name != variable}
    if given:
        others[variable] = ""
    with pytest.raises(ConfigError) as raised:
        load_secrets(SETTINGS, others)
    assert (raised.value.source, raised.value.key) == ("environment", variable)
    assert raised.value.reason == "must be set"


@pytest.mark.parametrize("variable", ["TOLLGATE_ADMIN_TOKEN", "TOLLGATE_KEY_SECRET"])
def test_a_secret_that_is_too_short_is_refused_without_being_shown(variable: str) -> None:
    """Refused by variable and reason; the value is nobody's business."""
    short = "hidden-" + "x" * (SHORTEST_SECRET - len("hidden-") - 1)
    with pytest.raises(ConfigError) as raised:
        load_secrets(SETTINGS, {**ENVIRONMENT, variable: short})
    assert raised.value.key == variable
    assert short not in str(raised.value)
    assert load_secrets(SETTINGS, {**ENVIRONMENT, variable: short + "x"})


def test_secrets_do_not_show_themselves() -> None:
    """No repr, and so no log and no traceback, has a secret."""
    secrets = load_secrets(SETTINGS, ENVIRONMENT)
    assert secrets.upstream_keys == {"openai": "hidden-5"}
    for text in (repr(secrets), str(secrets), f"{secrets}"):
        assert "hidden" not in text
