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


@pytest.mark.parametrize(
    ("given", "variable", "good"),
    [
        (
            {"smtp_host": "mail", "smtp_from": "a@b", "smtp_username": "u"},
            "TOLLGATE_SMTP_PASSWORD",
            "hidden",
        ),
        ({"notice_webhook_url": "http://x"}, "TOLLGATE_NOTICE_WEBHOOK_SECRET", "hidden-6-hidden-6"),
    ],
)
def test_a_secret_that_a_setting_needs_is_named(
    given: dict[str, str], variable: str, good: str
) -> None:
    """Notices: nothing goes out unsigned, and nobody logs in without a password."""
    told = {f"TOLLGATE_{name.upper()}": value for name, value in given.items()}
    settings = load_settings(DEFAULT_FOLDER, told)
    with pytest.raises(ConfigError) as raised:
        load_secrets(settings, ENVIRONMENT)
    assert raised.value.key == variable
    assert load_secrets(settings, {**ENVIRONMENT, variable: good})


def test_stripes_variables_are_optional() -> None:
    """Purchases: without them credits are not sold; an empty one is none."""
    secrets = load_secrets(SETTINGS, {**ENVIRONMENT, "STRIPE_SECRET_KEY": ""})
    found = (secrets.stripe_secret_key, secrets.stripe_webhook_secret, secrets.stripe_api_base)
    assert found == (None, None, None)
    variables = {
        "STRIPE_SECRET_KEY": "sk_test_x",
        "STRIPE_WEBHOOK_SECRET": "whsec_x",
        "TOLLGATE_STRIPE_API_BASE": "http://127.0.0.1:9100/",
    }
    secrets = load_secrets(SETTINGS, {**ENVIRONMENT, **variables})
    assert secrets.stripe_secret_key == "sk_test_x"
    assert secrets.stripe_webhook_secret == "whsec_x"
    assert secrets.stripe_api_base == "http://127.0.0.1:9100"


@pytest.mark.parametrize("url", ["api.stripe.com", "ftp://x", "http://"])
def test_stripes_address_must_be_one(url: str) -> None:
    """Config: a mistake is told at the start, by the variable's name."""
    with pytest.raises(ConfigError, match="TOLLGATE_STRIPE_API_BASE: must be an http or https URL"):
        load_secrets(SETTINGS, {**ENVIRONMENT, "TOLLGATE_STRIPE_API_BASE": url})
