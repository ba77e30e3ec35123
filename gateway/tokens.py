"""JSON Web Tokens of people: HS256 with this deployment's secret."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from domain.errors import DomainError, ErrorCode
from domain.ids import Id
from domain.permissions import GRANTS, Actor, ActorKind, Role

LONGEST = 8_192
LEEWAY_SECONDS = 10
_ISSUER = _AUDIENCE = "easel"


def write_token(
    secret: bytes, *, subject: str, role: Role, organization_id: Id, project_id: Id, valid: timedelta
) -> str:
    claims = {
        "sub": subject,
        "org": organization_id,
        "project": project_id,
        "role": role,
        "iss": _ISSUER,
        "aud": _AUDIENCE,
        "exp": datetime.now(UTC) + valid,
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def read_token(secret: bytes, text: str, trace_id: str) -> Actor:
    """Who the token speaks for. Raises UNAUTHENTICATED for whatever is not right with it."""
    claims = _claims(secret, text)
    try:
        role = Role(claims["role"])
        return Actor(
            subject=str(claims["sub"]),
            kind=ActorKind.PERSON,
            organization_id=Id(str(claims["org"])),
            permissions=GRANTS[role],
            scopes=tuple(sorted(GRANTS[role])),
            role=role,
            default_project_id=Id(claims["project"]) if claims.get("project") else None,
            trace_id=trace_id,
        )
    except (KeyError, ValueError) as error:
        raise _refused("This token lacks `sub`, `org` or a known `role`") from error


def _claims(secret: bytes, text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise _refused("This token is too long")
    try:
        if jwt.get_unverified_header(text).get("typ", "JWT") != "JWT":
            raise _refused("This is not a JSON Web Token")
        return jwt.decode(
            text,
            secret,
            algorithms=["HS256"],
            issuer=_ISSUER,
            audience=_AUDIENCE,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "sub"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise _refused("This token has expired: get a fresh one") from error
    except (jwt.PyJWTError, ValueError) as error:
        raise _refused("This token is not valid here") from error


def _refused(message: str) -> DomainError:
    return DomainError(ErrorCode.UNAUTHENTICATED, message)
