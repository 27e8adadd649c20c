"""Hands e-mails over to the operator's mail server."""

from email.message import EmailMessage

import aiosmtplib

from billing.delivery import DeliveryError
from config.settings import Settings

TIMEOUT_S = 20.0


class Mailer:
    """Sends by SMTP; each e-mail over a connection of its own, as there are few."""

    def __init__(self, settings: Settings, password: str | None) -> None:
        self._settings = settings
        self._password = password

    @property
    def sender(self) -> str:
        """The address that e-mails come from."""
        return self._settings.smtp_from or ""

    async def send(self, message: EmailMessage) -> None:
        """Sends one e-mail.

        Raises:
            DeliveryError: it was not taken; `is_final` where it never will be.
        """
        settings = self._settings
        try:
            await aiosmtplib.send(
                message,
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username,
                password=self._password,
                use_tls=settings.smtp_security == "tls",
                start_tls=settings.smtp_security == "starttls",
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [refused.code for refused in error.recipients]
            is_final = bool(codes) and min(codes) >= 500
            raise DeliveryError(f"refused: {codes}", is_final=is_final) from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise DeliveryError(f"{type(error).__name__}: {error}") from error
