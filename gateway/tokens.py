"""JSON Web Tokens of people: this deployment's own (HS256), and those of one identity provider (its public keys)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import jwt
import msgspec

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id, parse_id
from domain.permissions import GRANTS, Actor, ActorKind, Role
from domain.text import NAME_LENGTH, require_length
from gateway.jwks import ALGORITHMS, Jwks

LONGEST = 8_192
LEEWAY_SECONDS = 10.0
OURS = "easel"


@dataclass(frozen=True, slots=True)
class Issuer:
    """An identity provider whose tokens count here: `name` is their `iss`, `audience` is in their `aud`."""

    name: str
    audience: str
    keys: Jwks


def write_token(
    secret: bytes, *, subject: str, role: Role | None, organization_id: Id, project_id: Id, valid: timedelta
) -> str:
    """A token of ours; without a `role` it opens what the teams of projects say."""
    claims = {
        "sub": subject,
        "org": organization_id,
        "project": project_id,
        **({} if role is None else {"role": role}),
        "iss": OURS,
        "aud": OURS,
        "exp": datetime.now(UTC) + valid,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


class Tokens:
    """
    Reads tokens. Nothing in a token chooses how it is verified but the name of its key and algorithm.

    HS256 means our secret, the other algorithms a public key of the issuer that is of just this algorithm; where a
    token says its key can be found, nobody looks.
    """

    def __init__(self, secret: bytes, issuer: Issuer | None = None, leeway_seconds: float = LEEWAY_SECONDS) -> None:
        self._ours = _Trust(secret, "HS256", OURS, OURS, frozenset({"jwt"}))
        self._issuer = issuer
        self._leeway_seconds = leeway_seconds

    async def read(self, text: str, trace_id: str) -> Actor:
        """Who the token speaks for. Raises UNAUTHENTICATED for whatever is not right with it."""
        header = _header(text)
        trust = self._ours if header.alg == self._ours.algorithm else await self._public(header)
        if header.typ.lower().removeprefix("application/") not in trust.types:
            raise _refused("This is not a token of the right type")
        claims = _claims(trust, text, self._leeway_seconds)
        granted = frozenset() if claims.role is None else GRANTS[claims.role]
        return Actor(
            subject=claims.sub,
            kind=ActorKind.PERSON,
            organization_id=_id(claims.org, "org"),
            permissions=granted,
            scopes=tuple(sorted(granted)),
            role=claims.role,
            default_project_id=_id(claims.project, "project") if claims.project else None,
            trace_id=trace_id,
            expires_at=datetime.fromtimestamp(claims.exp, UTC),
            name=_name(claims.name),
        )

    async def _public(self, header: "_Header") -> "_Trust":
        issuer = self._issuer
        if issuer is None or header.alg not in ALGORITHMS.values():
            raise _refused("This token is not valid here")
        key = await issuer.keys.find(header.kid, header.alg)
        if key is None:
            raise _refused("The key that signed this token is not one of the identity provider's")
        return _Trust(key, header.alg, issuer.name, issuer.audience, frozenset({"jwt", "at+jwt"}))


@dataclass(frozen=True, slots=True)
class _Trust:
    """The one way in which a token may prove itself."""

    key: bytes | jwt.PyJWK
    algorithm: str
    issuer: str
    audience: str
    types: frozenset[str]


class _Header(msgspec.Struct, frozen=True):
    alg: str
    typ: str = "JWT"
    kid: str = ""


_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"\A[^\x00\ud800-\udfff]*\Z")]
_YEAR_9999 = 253_370_764_800


class _Claims(msgspec.Struct, frozen=True):
    sub: _Text
    org: _Text
    exp: Annotated[float, msgspec.Meta(gt=0, lt=_YEAR_9999)]
    role: Role | None = None
    project: _Text | None = None
    name: Any = None


def _header(text: str) -> _Header:
    if len(text) > LONGEST:
        raise _refused("This token is too long")
    try:
        header = jwt.get_unverified_header(text)
        if "crit" in header:
            raise _refused("This token demands an extension that is not known here")
        return msgspec.convert(header, _Header)
    except (jwt.PyJWTError, ValueError, msgspec.MsgspecError) as error:
        raise _refused("This is not a JSON Web Token") from error


def _claims(trust: _Trust, text: str, leeway_seconds: float) -> _Claims:
    try:
        claims: dict[str, Any] = jwt.decode(
            text,
            trust.key,
            algorithms=[trust.algorithm],
            issuer=trust.issuer,
            audience=trust.audience,
            leeway=leeway_seconds,
            options={"enforce_minimum_key_length": True},
        )
        return msgspec.convert(claims, _Claims)
    except jwt.ExpiredSignatureError as error:
        raise _refused("This token has expired: get a fresh one") from error
    except msgspec.MsgspecError as error:
        raise _refused("This token lacks `sub` or `org`, or has a `role` that is not known") from error
    except (jwt.PyJWTError, ValueError) as error:
        raise _refused("This token is not valid here") from error


def _id(text: str, claim: str) -> Id:
    found = parse_id(text)
    if found is None:
        raise _refused(f"This token's `{claim}` is no id")
    return found


def _name(claim: Any) -> str | None:
    """The name, if it is one: nobody is refused for what their identity provider calls them."""
    try:
        return require_length(claim, "name", longest=NAME_LENGTH) if isinstance(claim, str) else None
    except InvalidInput:
        return None


def _refused(message: str) -> DomainError:
    return DomainError(ErrorCode.UNAUTHENTICATED, message)
