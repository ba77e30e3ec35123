"""Signatures as of Standard Webhooks: whoever has the secret can tell that a message is ours, whole and fresh."""

import base64
import secrets
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


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
