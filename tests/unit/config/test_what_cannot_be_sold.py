"""Values that would start, and refuse every customer later, are refused at the start."""

import shutil
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.packages import load_packages
from config.settings import DEFAULT_FOLDER, load_settings


@pytest.mark.parametrize("label", ["S\\u0000", "S\\nX", "  ", "S\\u202e", " S"])
def test_a_label_that_cannot_be_shown_or_kept_is_refused(tmp_path: Path, label: str) -> None:
    """packages.toml: refused with file, key and reason."""
    text = f'[packages.starter]\nlabel = "{label}"\nprice = "9.99"\n'
    (tmp_path / "packages.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"packages\.starter\.label"):
        load_packages(tmp_path)


@pytest.mark.parametrize("key", ["public_url", "top_up_url"])
@pytest.mark.parametrize(
    "url", ["nonsense", "javascript:alert(1)", "https://a.example/ x", "ftp://a"]
)
def test_a_page_that_is_nowhere_is_refused(tmp_path: Path, key: str, url: str) -> None:
    """tollgate.toml: refused with file, key and reason."""
    shutil.copy(DEFAULT_FOLDER / "tollgate.toml", tmp_path)
    with pytest.raises(ConfigError, match=key):
        load_settings(tmp_path, {f"TOLLGATE_{key.upper()}": url})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("checkout_payment_methods", "card,foo bar"),
        ("checkout_payment_methods", "card,,paypal"),
        ("smtp_from", "a@example.com, b@example.com"),
        ("smtp_from", "credits@example..com"),
        ("smtp_from", "<credits@example.com>"),
        ("notice_webhook_url", "http://a..b/"),
        ("notice_webhook_url", "http://example.com:99999/"),
        ("notice_webhook_url", "http://example.com/ x"),
    ],
)
def test_what_stripe_or_a_mail_server_would_refuse_is_refused_at_start(
    tmp_path: Path, key: str, value: str
) -> None:
    """tollgate.toml: refused with file, key and reason, not at the first payment or e-mail."""
    shutil.copy(DEFAULT_FOLDER / "tollgate.toml", tmp_path)
    environment = {"TOLLGATE_SMTP_HOST": "mail.example.com", f"TOLLGATE_{key.upper()}": value}
    environment.setdefault("TOLLGATE_SMTP_FROM", "credits@example.com")
    with pytest.raises(ConfigError, match=key):
        load_settings(tmp_path, environment)
