"""Signatures of Standard Webhooks: `v1,` and the base64 of an HMAC-SHA256 (RFC 2104); pure.

What is signed is `<webhook-id>.<webhook-timestamp>.<body>`. With two secrets there are two
signatures, so that a receiver that knows either of them is content.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 32
"""Bytes of a secret; the specification asks for 24 to 64."""


def secret_of(random: bytes) -> str:
    """A secret as its owner is shown it."""
    return PREFIX + base64.b64encode(random).decode()


def headers(webhook_id: str, timestamp: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """The headers of one message; `timestamp` is seconds since 1970, of this attempt."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            _signature(webhook_id, timestamp, body, secret) for secret in secrets
        ),
    }


def _signature(webhook_id: str, timestamp: int, body: bytes, secret: str) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
