"""Signs events as Stripe does."""

import hashlib
import hmac

HEADER = "Stripe-Signature"


def signature(body: bytes, secret: str, timestamp: int) -> str:
    """The header's value: `t=…,v1=…`."""
    signed = f"{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"
