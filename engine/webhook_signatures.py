"""Signatures as of Standard Webhooks: whoever has the secret can tell that a message is ours, whole and fresh."""

import base64
import hmac
from datetime import UTC, datetime
from hashlib import sha256

from standardwebhooks.webhooks import Webhook

_PREFIX = "whsec_"


def secret_of(key: bytes, name: str, version: int) -> str:
    """The secret of an endpoint, or of whatever else signs: derived from the server's key, and so kept nowhere."""
    return _PREFIX + base64.b64encode(hmac.digest(key, f"{name}:{version}".encode(), sha256)).decode()


def signed_headers(message_id: str, body: bytes, now: datetime, secret: str, *older: str) -> dict[str, str]:
    """
    What one attempt is sent with; `now` is the moment of this attempt, or receivers refuse it as too old.

    While a secret is being replaced, the older one signs too, and the receiver may know either.
    """
    moment = now.astimezone(UTC)
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(each).sign(message_id, moment, text) for each in (secret, *older)),
    }
