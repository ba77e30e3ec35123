"""A receiver that has the secret can tell what is ours, by whatever library."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from engine.webhook_signatures import secret_of, signed_headers

ID = "0199e0d2-7c53-7000-8000-000000000001"
BODY = '{"type": "run.finished", "data": {"title": "é✓ 𝄞"}}'.encode()
SECRET, OLDER, FOREIGN = (secret_of(b"key", "endpoint", version) for version in (2, 1, 7))


def is_ours(body: bytes, headers: dict[str, str], secret: str) -> bool:
    """As the specification has it, and with nothing of ours or of the library."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


def test_the_published_example_is_signed_as_published() -> None:
    moment = datetime.fromtimestamp(1_614_265_330, UTC)
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', moment, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_library_of_the_standard_accepts_what_is_signed() -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC), SECRET)
    assert Webhook(SECRET).verify(BODY, headers) == {"type": "run.finished", "data": {"title": "é✓ 𝄞"}}


@pytest.mark.parametrize("change", ["body", "id", "timestamp", "secret"])
def test_whatever_was_changed_is_noticed(change: str) -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC), SECRET)
    later = str(int(headers["webhook-timestamp"]) + 1)
    changed = headers | {"id": {"webhook-id": ID[:-1] + "2"}, "timestamp": {"webhook-timestamp": later}}.get(change, {})
    body, secret = BODY + b" " * (change == "body"), FOREIGN if change == "secret" else SECRET
    assert not is_ours(body, changed, secret)
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(secret).verify(body, changed)


@pytest.mark.parametrize("known", [SECRET, OLDER], ids=["new", "older"])
def test_while_a_secret_is_replaced_either_is_enough(known: str) -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC), SECRET, OLDER)
    assert is_ours(BODY, headers, known)
    assert not is_ours(BODY, headers, FOREIGN)
    Webhook(known).verify(BODY, headers)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_attempt_signed_at_another_time_is_refused(minutes: int) -> None:
    headers = signed_headers(ID, BODY, datetime.now(UTC) + timedelta(minutes=minutes), SECRET)
    with pytest.raises(WebhookVerificationError, match="timestamp too"):
        Webhook(SECRET).verify(BODY, headers)


@pytest.mark.parametrize("hours", [-11, 0, 14])
def test_the_zone_of_the_clock_does_not_matter(hours: int) -> None:
    now = datetime.now(timezone(timedelta(hours=hours)))
    headers = signed_headers(ID, BODY, now, SECRET)
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    Webhook(SECRET).verify(BODY, headers)


@given(st.text().map(lambda text: text.encode("utf-8", "replace")), st.uuids().map(str))
def test_any_text_is_signed_byte_by_byte(body: bytes, message_id: str) -> None:
    headers = signed_headers(message_id, body, datetime.now(UTC), SECRET)
    assert is_ours(body, headers, SECRET)
    Webhook(SECRET).verify(body, headers, json_parse=False)


def test_a_secret_is_long_and_as_the_standard_writes_it_and_each_name_and_version_has_its_own() -> None:
    made = {secret_of(key, name, version) for key in (b"k", b"l") for name in ("a", "b") for version in (1, 11)}
    assert len(made) == 8
    assert secret_of(b"k", "a", 1) in made
    for secret in made:
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
