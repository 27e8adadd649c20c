"""Where a stack of one machine sells credits."""

from pathlib import Path

import pytest

from deploy.local.made_secrets import SecretsFile
from deploy.local.stripe_choice import PretendStripeFile, choose_stripe

KEY = {"STRIPE_SECRET_KEY": "sk_live_real"}


@pytest.mark.parametrize("environment", [{}, {"STRIPE_SECRET_KEY": ""}])
def test_without_a_key_it_is_pretended(environment: dict[str, str]) -> None:
    """Pretend Stripe: no key of anyone is needed; people are told why it is pretend."""
    choice = choose_stripe(environment)
    assert choice.is_pretend
    assert "STRIPE_SECRET_KEY is not set" in choice.description


@pytest.mark.parametrize(
    ("environment", "description"),
    [
        (
            KEY,
            "Stripe, in live mode; its webhooks are off: STRIPE_WEBHOOK_SECRET is not set",
        ),
        ({**KEY, "STRIPE_WEBHOOK_SECRET": "whsec_x"}, "Stripe, in live mode"),
        (
            {
                "STRIPE_SECRET_KEY": "rk_test_x",
                "STRIPE_WEBHOOK_SECRET": "whsec_x",
                "TOLLGATE_STRIPE_API_BASE": "http://127.0.0.1:9",
            },
            "http://127.0.0.1:9, in test mode",
        ),
        ({"TOLLGATE_STRIPE_API_BASE": "http://127.0.0.1:9"}, "off: STRIPE_SECRET_KEY is not set"),
    ],
)
def test_it_is_not_pretended_where_another_is_named(
    environment: dict[str, str], description: str
) -> None:
    """Pretend Stripe: it never runs where there is a real key, or another server."""
    choice = choose_stripe(environment)
    assert (choice.is_pretend, choice.description) == (False, description)


def test_its_secrets_and_port_are_kept(tmp_path: Path) -> None:
    """Pretend Stripe: the next start has the same; no two machines do."""
    file = PretendStripeFile(SecretsFile(tmp_path))
    assert file.port == 0
    made = file.variables()
    file.keep_port(4711)
    again = PretendStripeFile(SecretsFile(tmp_path))
    assert (again.variables(), again.port) == (made, 4711)
    assert made["STRIPE_SECRET_KEY"].startswith("sk_test_")
    assert made["STRIPE_WEBHOOK_SECRET"].startswith("whsec_")
