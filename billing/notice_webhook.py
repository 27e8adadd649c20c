"""Posts notices to the operator's own server, signed."""

import asyncio
import time

import aiohttp

from billing.delivery import DeliveryError
from billing.signing import SIGNATURE_HEADER, signature

TIMEOUT_S = 10.0


class NoticeWebhook:
    """One address of the operator's. The caller closes the session."""

    def __init__(self, session: aiohttp.ClientSession, url: str, secret: bytes) -> None:
        self._session = session
        self._url = url
        self._secret = secret

    async def send(self, body: bytes) -> None:
        """Posts one notice, signed as of now.

        Raises:
            DeliveryError: the answer was none, or not a 2xx.
        """
        headers = {
            "Content-Type": "application/json",
            SIGNATURE_HEADER: signature(body, self._secret, int(time.time())),
        }
        try:
            # A redirect would take the notice to somebody who was not named.
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._session.post(
                    self._url, data=body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                status = answer.status
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DeliveryError(f"{type(error).__name__}: {error}") from error
        if not 200 <= status < 300:
            raise DeliveryError(f"answered {status}")
