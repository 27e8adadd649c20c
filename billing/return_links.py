"""Where Stripe's page leads back to: links with a token that shows this one purchase, and no more.

The token is made of the purchase's id, so that it is the same whenever the page is asked for.
"""

import hmac
from hashlib import sha256
from urllib.parse import quote

_PURPOSE = b"checkout return "


class ReturnLinks:
    """Makes and checks links; `secret` is one of the server's own."""

    def __init__(self, public_url: str, secret: bytes) -> None:
        self._public_url = public_url.rstrip("/")
        self._secret = secret

    def __repr__(self) -> str:
        return "ReturnLinks(…)"

    def token(self, purchase_id: str) -> str:
        """The token of a purchase: 43 characters at most, url-safe."""
        made = hmac.new(self._secret, _PURPOSE + purchase_id.encode(), sha256)
        return made.hexdigest()[:40]

    def is_good(self, purchase_id: str, token: str) -> bool:
        """Whether a token is a purchase's."""
        expected = self.token(purchase_id).encode()
        return hmac.compare_digest(expected, token.encode("utf-8", "surrogateescape"))

    def success_url(self, purchase_id: str) -> str:
        """Where a customer lands who has paid; Stripe puts the session's id in."""
        return f"{self._url(purchase_id)}&session_id={{CHECKOUT_SESSION_ID}}"

    def cancel_url(self, purchase_id: str) -> str:
        """Where a customer lands who has changed their mind."""
        return f"{self._url(purchase_id)}&cancelled=1"

    def _url(self, purchase_id: str) -> str:
        path = f"/console/checkout/{quote(purchase_id)}"
        return f"{self._public_url}{path}?token={self.token(purchase_id)}"
