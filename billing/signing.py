"""Signs webhooks that go out, so that receivers can tell forged and old ones. Pure."""

import hmac

SIGNATURE_HEADER = "Tollgate-Signature"


def signature(body: bytes, secret: bytes, at_s: int) -> str:
    """The header's value: `t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "t.body">`."""
    mac = hmac.new(secret, f"{at_s}.".encode() + body, "sha256")
    return f"t={at_s},v1={mac.hexdigest()}"
