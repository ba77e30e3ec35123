"""Tokens: our own and an identity provider's, and every other one refused."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.permissions import GRANTS, Role
from gateway.jwks import Jwks
from gateway.tokens import LONGEST, Issuer, Tokens, write_token
from tests.gateway.identity_provider import (
    NAME,
    ORGANIZATION,
    PROJECT,
    IdentityProvider,
    SigningKey,
    claims,
    identity_provider,
    new_key,
)

SECRET = b"0123456789abcdef0123456789abcdef"
TRACE = "1" * 32
HOUR = timedelta(hours=1)

EC, RSA, EDWARDS = new_key("ec"), new_key("rsa", "RS256"), new_key("edwards", "EdDSA")
WEAK = SigningKey("weak", "RS256", generate_private_key(public_exponent=65_537, key_size=1_024))  # noqa: S505 - the point
THEIRS = new_key("theirs", "RS256")


@pytest.fixture(scope="module")
def provider() -> Iterator[IdentityProvider]:
    with identity_provider(EC, RSA, EDWARDS, WEAK) as one:
        yield one


@pytest.fixture
async def tokens(provider: IdentityProvider) -> AsyncIterator[Tokens]:
    keys = Jwks(provider.url)
    yield Tokens(SECRET, Issuer(NAME, "easel", keys))
    await keys.close()


def ours(**more: Any) -> dict[str, Any]:
    return claims(iss="easel", **more)


async def refusal(tokens: Tokens, text: str) -> DomainError:
    with pytest.raises(DomainError) as refused:
        await tokens.read(text, TRACE)
    return refused.value


@pytest.mark.parametrize("key", [EC, RSA, EDWARDS], ids=lambda key: key.algorithm)
async def test_a_token_of_the_identity_provider_speaks_for_a_person(tokens: Tokens, key: SigningKey) -> None:
    expires_at = datetime.now(UTC).replace(microsecond=0) + HOUR
    actor = await tokens.read(key.sign(claims(project=PROJECT, exp=expires_at)), TRACE)
    assert (actor.kind, actor.subject, actor.organization_id) == ("person", "ada", ORGANIZATION)
    assert (actor.default_project_id, actor.trace_id, actor.expires_at) == (PROJECT, TRACE, expires_at)
    assert (actor.role, actor.permissions) == (Role.EDITOR, GRANTS[Role.EDITOR])


async def test_our_own_token_needs_no_identity_provider() -> None:
    text = write_token(
        SECRET, subject="ada", role=Role.VIEWER, organization_id=Id(ORGANIZATION), project_id=Id(PROJECT), valid=HOUR
    )
    actor = await Tokens(SECRET).read(text, TRACE)
    assert (actor.subject, actor.organization_id, actor.default_project_id) == ("ada", ORGANIZATION, PROJECT)
    assert actor.expires_at
    assert timedelta(minutes=59) < actor.expires_at - datetime.now(UTC) <= HOUR


async def test_a_token_without_a_role_opens_nothing_by_itself(tokens: Tokens) -> None:
    for text in (RSA.sign(_without("role")), mac(SECRET, ours(role=None))):
        actor = await tokens.read(text, TRACE)
        assert (actor.subject, actor.role, actor.permissions, actor.scopes) == ("ada", None, frozenset(), ())


async def test_without_an_identity_provider_its_tokens_open_nothing() -> None:
    assert (await refusal(Tokens(SECRET), EC.sign(claims()))).code is ErrorCode.UNAUTHENTICATED


GOOD_HEADERS: list[dict[str, Any]] = [
    {"typ": "at+jwt"},
    {"typ": "AT+JWT"},
    {"typ": "application/at+jwt"},
    {"typ": "jwt"},
    {"typ": None},
    {"x5t": "x"},
    {"jku": "https://evil.example"},
]


@pytest.mark.parametrize("headers", GOOD_HEADERS, ids=str)
async def test_what_providers_put_into_headers_is_no_hindrance(tokens: Tokens, headers: dict[str, Any]) -> None:
    assert (await tokens.read(EC.sign(claims(), **headers), TRACE)).subject == "ada"


async def test_one_of_several_audiences_is_enough(tokens: Tokens) -> None:
    assert (await tokens.read(EC.sign(claims(aud=["studio", "easel"])), TRACE)).subject == "ada"


async def test_clocks_may_differ_by_the_leeway() -> None:
    late = datetime.now(UTC) - timedelta(seconds=20)
    text = jwt.encode(ours(exp=late), SECRET, "HS256")
    assert (await Tokens(SECRET, leeway_seconds=30).read(text, TRACE)).subject == "ada"
    assert "expired" in (await refusal(Tokens(SECRET, leeway_seconds=10), text)).message


def forged(header: dict[str, Any], payload: dict[str, Any] | bytes = b"", signature: bytes = b"") -> str:
    """A token put together by hand."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload, default=_moment).encode()
    return ".".join(_encoded(part) for part in (json.dumps(header).encode(), body, signature))


def _moment(value: datetime) -> float:
    return value.timestamp()


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def swapped(text: str, payload: dict[str, Any]) -> str:
    head, _, signature = text.split(".")
    return f"{head}.{_encoded(json.dumps(payload, default=_moment).encode())}.{signature}"


def pem(key: SigningKey) -> bytes:
    return key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def mac(secret: bytes, payload: dict[str, Any], **headers: Any) -> str:
    """HS256 by hand: PyJWT itself would not take a public key for a secret."""
    header = {"alg": "HS256", "typ": "JWT", **headers}
    signed = forged(header, payload).rpartition(".")[0]
    return f"{signed}.{_encoded(jwt.get_algorithm_by_name('HS256').sign(signed.encode(), secret))}"


def signed(key: SigningKey, payload: dict[str, Any] | bytes, **headers: Any) -> str:
    """RS256 by hand: PyJWT itself would warn of a weak key, sign no payload but an object, and mend headers."""
    assert isinstance(key.private, RSAPrivateKey)
    text = forged({"alg": "RS256", "kid": key.id, **headers}, payload).rpartition(".")[0]
    return f"{text}.{_encoded(key.private.sign(text.encode(), PKCS1v15(), SHA256()))}"


def signed_by(signer: SigningKey, name: str, **headers: Any) -> str:
    return SigningKey(name, signer.algorithm, signer.private).sign(claims(), **headers)


def _without(name: str) -> dict[str, Any]:
    return {claim: value for claim, value in claims().items() if claim != name}


HOSTILE: dict[str, Callable[[], str]] = {
    # the algorithm
    "none": lambda: forged({"alg": "none", "typ": "JWT"}, claims()),
    "None": lambda: forged({"alg": "None", "kid": "rsa"}, claims()),
    "no algorithm": lambda: forged({"typ": "JWT", "kid": "rsa"}, claims()),
    "an empty algorithm": lambda: forged({"alg": "", "kid": "rsa"}, claims()),
    "a list of algorithms": lambda: forged({"alg": ["RS256"], "kid": "rsa"}, claims()),
    "an algorithm of an object": lambda: forged({"alg": {"HS256": 1}, "kid": "rsa"}, claims()),
    "HS256 under a public key as PEM": lambda: mac(pem(RSA), claims(), kid="rsa"),
    "HS256 under a public key as JWK": lambda: mac(json.dumps(RSA.shown()).encode(), ours(), kid="rsa"),
    "HS256 under a public key's modulus": lambda: mac(RSA.shown()["n"].encode(), ours(), kid="rsa"),
    "HS256 under nothing": lambda: mac(b"", ours()),
    "HS384 under our secret": lambda: jwt.encode(ours(), SECRET * 2, "HS384"),
    "RS256 that names an EC key": lambda: signed_by(RSA, "ec"),
    "ES256 that names an RSA key": lambda: signed_by(EC, "rsa"),
    "RS512": lambda: jwt.encode(claims(), RSA.private, "RS512", {"kid": "rsa"}),
    "PS256": lambda: jwt.encode(claims(), RSA.private, "PS256", {"kid": "rsa"}),
    "RS256 under our secret": lambda: mac(SECRET, ours(), alg="RS256", kid="rsa"),
    # the key
    "a key of someone else": lambda: THEIRS.sign(claims()),
    "a key of someone else under a known name": lambda: signed_by(THEIRS, "rsa"),
    "a key it brings along": lambda: signed_by(THEIRS, "rsa", jwk=THEIRS.shown()),
    "a certificate it brings along": lambda: signed_by(THEIRS, "rsa", x5c=["MIIB"]),
    "a key of too few bits": lambda: signed(WEAK, claims()),
    "no name of a key": lambda: jwt.encode(claims(), RSA.private, "RS256"),
    "a name of a key that is a number": lambda: forged({"alg": "RS256", "kid": 7}, claims()),
    "a name of a key that is a path": lambda: signed_by(RSA, "../../../../dev/null"),
    "our claims under the provider's key": lambda: RSA.sign(ours()),
    "the provider's claims under our secret": lambda: jwt.encode(claims(), SECRET, "HS256"),
    # the header
    "an unknown extension": lambda: RSA.sign(claims(), crit=["exp"], exp=1),
    "a known extension": lambda: signed(RSA, claims(), crit=["b64"], b64=True),
    "a payload apart": lambda: forged({"alg": "RS256", "kid": "rsa", "b64": False, "crit": ["b64"]}),
    "a type that is not a token's": lambda: RSA.sign(claims(), typ="logout+jwt"),
    "a type that is a list": lambda: forged({"alg": "RS256", "kid": "rsa", "typ": ["JWT"]}, claims()),
    "an access token of ours": lambda: jwt.encode(ours(), SECRET, "HS256", {"typ": "at+jwt"}),
    # the signature
    "another payload": lambda: swapped(RSA.sign(claims()), claims(role="OWNER")),
    "another payload under our signature": lambda: swapped(jwt.encode(ours(), SECRET, "HS256"), ours(role="OWNER")),
    "no signature": lambda: RSA.sign(claims()).rpartition(".")[0] + ".",
    "half a signature": lambda: RSA.sign(claims())[:-100],
    "an ES256 signature of zeros": lambda: forged({"alg": "ES256", "kid": "ec"}, claims(), bytes(64)),
    # the claims
    "expired": lambda: RSA.sign(claims(exp=datetime.now(UTC) - HOUR)),
    "no expiry": lambda: RSA.sign(_without("exp")),
    "an expiry beyond all calendars": lambda: RSA.sign(claims(exp=10**18)),
    "an expiry without end": lambda: RSA.sign(claims(exp=float("inf"))),
    "an expiry in words": lambda: RSA.sign(claims(exp="9999999999")),
    "an expiry of 5,000 digits": lambda: signed(RSA, b'{"exp": ' + b"9" * 5_000 + b"}"),
    "not yet valid": lambda: RSA.sign(claims(nbf=datetime.now(UTC) + HOUR)),
    "issued tomorrow": lambda: RSA.sign(claims(iat=datetime.now(UTC) + 24 * HOUR)),
    "another audience": lambda: RSA.sign(claims(aud="other")),
    "an audience in part": lambda: RSA.sign(claims(aud="easel.example")),
    "no audience": lambda: RSA.sign(_without("aud")),
    "an audience of numbers": lambda: RSA.sign(claims(aud=[1])),
    "another issuer": lambda: RSA.sign(claims(iss=f"{NAME}.evil.example")),
    "no issuer": lambda: RSA.sign(_without("iss")),
    "no subject": lambda: RSA.sign(_without("sub")),
    "an empty subject": lambda: RSA.sign(claims(sub="")),
    "a subject of 300 characters": lambda: RSA.sign(claims(sub="x" * 300)),
    "a subject no database holds": lambda: RSA.sign(claims(sub="\x00")),
    "half a surrogate pair": lambda: RSA.sign(claims(org="\ud800")),
    "no organization": lambda: RSA.sign(_without("org")),
    "an organization of no id": lambda: RSA.sign(claims(org="acme")),
    "a project of no id": lambda: RSA.sign(claims(project="website")),
    "a list of organizations": lambda: RSA.sign(claims(org=["acme"])),
    "a project of an object": lambda: RSA.sign(claims(project={"id": "website"})),
    "an unknown role": lambda: RSA.sign(claims(role="GOD")),
    "a list of roles": lambda: RSA.sign(claims(role=["OWNER"])),
    # the text
    "nothing": lambda: "",
    "dots": lambda: "..",
    "words": lambda: "a.b.c",
    "five parts": lambda: f"{RSA.sign(claims())}.x.y",
    "a list": lambda: f"{_encoded(b'[]')}.{_encoded(b'[]')}.",
    "a payload of a list": lambda: signed(RSA, b"[]"),
    "a payload of half a text": lambda: signed(RSA, b'{"sub": "'),
    "a payload of no UTF-8": lambda: signed(RSA, b'{"sub": "\xff"}'),
    "a deep payload": lambda: signed(RSA, b"[" * 5_000),
    "a deep header": lambda: f"{_encoded(b'[' * 5_000)}.e30.",
    "no ASCII": lambda: "\xe9.\xe9.\xe9",
    "no UTF-8": lambda: "\ud800.\ud800.\ud800",
    "blanks": lambda: RSA.sign(claims()).replace(".", " . "),
    "too long": lambda: RSA.sign(claims(more="x" * LONGEST)),
    "a megabyte": lambda: "x" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_opens_nothing_and_is_told_so(tokens: Tokens, name: str) -> None:
    refused = await refusal(tokens, HOSTILE[name]())
    assert refused.code is ErrorCode.UNAUTHENTICATED
    assert refused.message[0].isupper()


async def test_a_token_signed_by_hand_is_as_good_as_any(tokens: Tokens) -> None:
    for text in (signed(RSA, claims()), mac(SECRET, ours())):
        assert (await tokens.read(text, TRACE)).subject == "ada"


async def test_where_a_token_says_its_key_can_be_found_nobody_looks(tokens: Tokens) -> None:
    with identity_provider(THEIRS) as canary:
        for header in ("jku", "x5u"):
            assert (await refusal(tokens, THEIRS.sign(claims(), **{header: canary.url}))).code == "UNAUTHENTICATED"
            assert (await refusal(tokens, signed_by(THEIRS, "rsa", **{header: canary.url}))).code == "UNAUTHENTICATED"
        assert canary.asked == 0


async def test_a_token_too_long_is_refused_before_anyone_is_asked(tokens: Tokens, provider: IdentityProvider) -> None:
    asked = provider.asked
    assert "too long" in (await refusal(tokens, RSA.sign(claims(more="x" * LONGEST)))).message
    assert provider.asked == asked


@pytest.mark.parametrize(
    ("claim", "name"),
    [("Ada Lovelace", "Ada Lovelace"), ("", None), ("x" * 201, None), ("\x00", None), (7, None), (None, None)],
    ids=str,
)
async def test_a_name_is_taken_where_it_is_one_and_shuts_nobody_out(
    tokens: Tokens, claim: object, name: str | None
) -> None:
    text = jwt.encode(ours(name=claim), SECRET, algorithm="HS256")
    assert (await tokens.read(text, TRACE)).name == name
