"""An identity provider on loopback: it signs tokens, and shows its public keys over real HTTP unless told otherwise."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import sleep
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ORGANIZATION = "0199e0d2-7c53-7000-8000-0000000000ac"
PROJECT = "0199e0d2-7c53-7000-8000-0000000000af"
NAME = "https://login.studio.example"
HOLD_LIMIT_SECONDS = 10.0

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
_SHOWN: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def new_private_key(algorithm: str) -> PrivateKey:
    if algorithm == "RS256":
        return generate_rsa_key(public_exponent=65_537, key_size=2_048)
    return generate_ec_key(SECP256R1()) if algorithm == "ES256" else Ed25519PrivateKey.generate()


@dataclass(frozen=True, slots=True)
class SigningKey:
    id: str
    algorithm: str
    private: PrivateKey = field(repr=False)

    def shown(self) -> dict[str, Any]:
        """The key as a JWKS shows it."""
        public: dict[str, Any] = _SHOWN[self.algorithm].to_jwk(self.private.public_key(), as_dict=True)
        public.pop("key_ops", None)  # which PyJWT adds to some, and providers seldom do
        return {**public, "kid": self.id, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        return jwt.encode(claims, self.private, self.algorithm, {"kid": self.id, **headers})


def new_key(id: str = "first", algorithm: str = "ES256") -> SigningKey:
    return SigningKey(id, algorithm, new_private_key(algorithm))


def claims(**more: Any) -> dict[str, Any]:
    """What a good token of this provider says; None leaves a claim out."""
    good = {
        "iss": NAME,
        "aud": "easel",
        "sub": "ada",
        "org": ORGANIZATION,
        "role": "EDITOR",
        "exp": datetime.now(UTC) + timedelta(hours=1),
    }
    return {name: value for name, value in (good | more).items() if value is not None}


class IdentityProvider:
    """`asked` counts how often its keys were fetched; answers wait for `released`, and may come drop by drop."""

    def __init__(self, *keys: SigningKey) -> None:
        self.asked = 0
        self.status = 200
        self.body = b""
        self.drip_seconds = 0.0
        self.released = Event()
        self.released.set()
        self._port = 0
        self.show(*keys)
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/keys"

    def show(self, *keys: SigningKey) -> None:
        self.body = json.dumps({"keys": [key.shown() for key in keys]}).encode()

    def start(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_port
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def stop(self) -> None:
        """Nothing listens any more; the port stays its own for the next start."""
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@contextmanager
def identity_provider(*keys: SigningKey) -> Iterator[IdentityProvider]:
    provider = IdentityProvider(*keys)
    try:
        yield provider
    finally:
        provider.stop()


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked += 1
            provider.released.wait(HOLD_LIMIT_SECONDS)
            with suppress(ConnectionError):
                self._answer()

        def _answer(self) -> None:
            self.send_response(provider.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Location", provider.url)
            self.end_headers()
            size = 1 if provider.drip_seconds else len(provider.body)
            for start in range(0, len(provider.body), size or 1):
                self.wfile.write(provider.body[start : start + size])
                sleep(provider.drip_seconds)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Tests speak for themselves."""

    return Handler
