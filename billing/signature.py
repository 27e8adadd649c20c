"""The signature of Stripe's events: whether these very bytes are Stripe's, and of now. Pure.

Checked here and not by Stripe's library, which takes events of the future and wants the body as
text. The scheme: https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
import re
from hashlib import sha256

from billing.errors import BadEventError

TOLERANCE_S = 300
SCHEME = "v1"
_TIME = re.compile(r"[0-9]{1,12}", re.ASCII)
_LONGEST_HEADER = 4096


def check_signature(body: bytes, header: str | None, secret: str, now_s: int) -> None:
    """Checks the `Stripe-Signature` header of a body as it came.

    While a secret is rolled there are several signatures: one that fits is enough.

    Raises:
        BadEventError: says why it is not to be trusted.
    """
    if not header:
        raise BadEventError("it has no Stripe-Signature header")
    if len(header) > _LONGEST_HEADER:
        raise BadEventError("its Stripe-Signature header is too long")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == SCHEME]
    if len(times) != 1 or not _TIME.fullmatch(times[0]):
        raise BadEventError("its Stripe-Signature header has no time")
    if not signatures:
        raise BadEventError(f"it has no signature of the scheme {SCHEME}")
    expected = signature_of(body, times[0], secret).encode()
    if not any(
        hmac.compare_digest(expected, one.encode("utf-8", "surrogateescape")) for one in signatures
    ):
        raise BadEventError("its signature does not fit")
    if abs(now_s - int(times[0])) > TOLERANCE_S:
        raise BadEventError(f"it was signed more than {TOLERANCE_S} seconds from now")


def signature_of(body: bytes, time_text: str, secret: str) -> str:
    """The signature of a body and a time, as Stripe writes it into its header."""
    return hmac.new(secret.encode(), time_text.encode() + b"." + body, sha256).hexdigest()
