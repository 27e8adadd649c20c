"""E-mails over encrypted connections, to a mail server of somebody else's making."""

from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest

from billing.delivery import DeliveryError
from billing.mailer import Mailer
from config.settings import DEFAULT_FOLDER, SmtpSecurity, load_settings
from tests.support.real_mail_server import (
    PASSWORD,
    USERNAME,
    RealMailServer,
    Security,
    open_real_mail_server,
)

# The server warns of what it is told to do for these tests.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
ENCRYPTED: tuple[Security, ...] = ("starttls", "tls")


def mailer_for(server: RealMailServer, security: SmtpSecurity, password: str = PASSWORD) -> Mailer:
    settings = msgspec.structs.replace(
        load_settings(DEFAULT_FOLDER, {}),
        smtp_host="localhost",
        smtp_port=server.port,
        smtp_security=security,
        smtp_username=USERNAME,
        smtp_from="credits@tollgate.example",
    )
    return Mailer(settings, password)


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "credits@tollgate.example", "ada@example.com"
    message["Subject"] = "Low balance"
    message.set_content("Under 500 credits.\n")
    return message


@pytest.mark.parametrize("security", ENCRYPTED)
async def test_an_email_arrives_encrypted_and_with_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: Security
) -> None:
    """Notices: STARTTLS and TLS from the first byte, with a name and a password."""
    async with open_real_mail_server(tmp_path, security) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        await mailer_for(server, security).send(letter())
    [taken] = server.messages
    assert (taken["To"], taken.get_content().strip()) == ("ada@example.com", "Under 500 credits.")
    assert server.logins == [PASSWORD.encode()]


@pytest.mark.parametrize("security", ENCRYPTED)
async def test_a_server_that_nobody_vouches_for_gets_nothing(
    tmp_path: Path, security: Security
) -> None:
    """Notices: the certificate must be one that this machine trusts; it is tried again later."""
    async with open_real_mail_server(tmp_path, security) as server:
        with pytest.raises(DeliveryError, match="verify failed") as raised:
            await mailer_for(server, security).send(letter())
    assert not raised.value.is_final
    assert (server.messages, server.logins) == ([], [])


@pytest.mark.parametrize("security", ENCRYPTED)
async def test_a_server_that_cannot_encrypt_gets_nothing(
    tmp_path: Path, security: Security
) -> None:
    """Notices: no password and no e-mail goes out in the clear where encryption was asked for."""
    async with open_real_mail_server(tmp_path, "none") as server:
        with pytest.raises(DeliveryError):
            await mailer_for(server, security).send(letter())
    assert (server.messages, server.logins) == ([], [])


@pytest.mark.parametrize("security", ENCRYPTED)
async def test_a_wrong_password_is_said_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, security: Security
) -> None:
    """Notices: the server's refusal is what is kept of it; it is tried again later."""
    async with open_real_mail_server(tmp_path, security) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
        with pytest.raises(DeliveryError, match="535") as raised:
            await mailer_for(server, security, "another password").send(letter())
    assert "another password" not in str(raised.value)
    assert not raised.value.is_final
    assert server.messages == []
