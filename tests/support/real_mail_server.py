"""A mail server of somebody else's making, with TLS and passwords, as operators have one."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USERNAME, PASSWORD = "tollgate", "a password for mail"
Security = Literal["starttls", "tls", "none"]


@dataclass
class RealMailServer:
    """Where it listens, whom its certificate is signed by, and what it has taken."""

    authority: Path
    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    logins: list[bytes] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - the name that the server calls
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Takes one e-mail, which must have come encrypted."""
        transport = server.transport
        assert transport is not None
        assert transport.get_extra_info("cipher") is not None
        assert isinstance(envelope.content, bytes)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    def login(
        self, server: SMTP, session: Session, envelope: Envelope, how: str, given: object
    ) -> AuthResult:
        """Checks name and password."""
        assert isinstance(given, LoginPassword)
        self.logins.append(given.password)
        is_right = given == LoginPassword(USERNAME.encode(), PASSWORD.encode())
        return AuthResult(success=is_right, handled=is_right)


@asynccontextmanager
async def open_real_mail_server(folder: Path, security: Security) -> AsyncIterator[RealMailServer]:
    """A server on this machine; `none` is one that cannot encrypt."""
    authority = trustme.CA()
    certificate = folder / "authority.pem"
    authority.cert_pem.write_to_path(certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    mail = RealMailServer(certificate)

    def conversation() -> SMTP:
        return SMTP(
            mail,
            hostname="localhost",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=mail.login,
            auth_required=True,
            # What is encrypted from the first byte is not known as such to it.
            auth_require_tls=security == "starttls",
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        conversation, "localhost", 0, ssl=context if security == "tls" else None
    )
    async with server:
        mail.port = server.sockets[0].getsockname()[1]
        yield mail
