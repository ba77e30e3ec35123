"""Answers kept for repeated commands: one row for each actor and key, for a day."""

import hashlib
from typing import Any

import msgspec
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.permissions import Actor
from domain.ports import Command
from storage.answers import KeptResponse, Refusal
from storage.failures import spoken_plainly
from storage.tables.execution import idempotency_keys

SHORTEST_KEY, LONGEST_KEY = 16, 255
KEPT_HOURS = 24
REMOVED = "removed"

# Waits for a twin that is under way; a row comes back where this command is the first, or the earlier one is forgotten.
_RESERVE = text("""
    INSERT INTO idempotency_keys AS kept (organization_id, subject, key, fingerprint, created_at)
    VALUES (:own_organization, :own_subject, :own_key, :fingerprint, now())
    ON CONFLICT (organization_id, subject, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, answer_type = NULL, answer_id = NULL, refusal = NULL, response = NULL,
            created_at = now()
        WHERE kept.created_at < now() - make_interval(hours => :kept_hours)
    RETURNING key
""")
_row = idempotency_keys.c
_OWN: dict[Any, Any] = {
    _row.organization_id: bindparam("own_organization"),
    _row.subject: bindparam("own_subject"),
    _row.key: bindparam("own_key"),
}
_own = [column == value for column, value in _OWN.items()]
_EARLIER = select(_row.fingerprint, _row.answer_type, _row.answer_id, _row.refusal).where(*_own)
_KEEP = update(idempotency_keys).where(*_own)
_REFUSE = insert(idempotency_keys).values({**_OWN, _row.created_at: func.now()}).on_conflict_do_nothing()
_RESPONSE = select(_row.fingerprint, _row.response).where(*_own, _row.response.is_not(None))
# Of twins that were answered at once, the first one's answer is both's.
_RESPOND = (
    update(idempotency_keys)
    .where(*_own, _row.fingerprint == bindparam("own_fingerprint"))
    .values(response=func.coalesce(_row.response, bindparam("answered", type_=_row.response.type)))
    .returning(_row.response)
)
_FORGET = text("DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => :kept_hours)")


def fingerprint_of(command: Command[Any]) -> bytes:
    """Equal for equal inputs."""
    inputs = msgspec.json.encode(command.asked, order="deterministic")
    return hashlib.sha256(type(command).__name__.encode() + b" " + inputs).digest()


def is_key(client_mutation_id: str | None) -> bool:
    """Shorter ones are a client's own counters: echoed, never a key."""
    if client_mutation_id is not None and len(client_mutation_id) > LONGEST_KEY:
        raise InvalidInput(f"An idempotency key has at most {LONGEST_KEY} characters", field="clientMutationId")
    return client_mutation_id is not None and len(client_mutation_id) >= SHORTEST_KEY


def _owner(actor: Actor, command: Command[Any]) -> dict[str, Any]:
    return {
        "own_organization": actor.organization_id,
        "own_subject": f"{actor.kind}:{actor.subject}",
        "own_key": command.client_mutation_id,
    }


async def reserve(connection: AsyncConnection, actor: Actor, command: Command[Any], fingerprint: bytes) -> Any:
    """
    The row of an earlier command with this key, or None for the first.

    Raises CONFLICT where that had another input, and what it was refused with where it was.
    """
    owner = _owner(actor, command)
    first = await connection.execute(_RESERVE, {**owner, "fingerprint": fingerprint, "kept_hours": KEPT_HOURS})
    if first.first() is not None:
        return None
    row = (await connection.execute(_EARLIER, _owner(actor, command))).one()
    _require_same(row.fingerprint, fingerprint)
    if row.refusal is not None:
        raise row.refusal.error
    return row


def _require_same(earlier: bytes, fingerprint: bytes) -> None:
    if earlier != fingerprint:
        message = "This idempotency key was used for another input: use a fresh one for each change"
        raise DomainError(ErrorCode.CONFLICT, message, field="clientMutationId")


async def keep(connection: AsyncConnection, actor: Actor, command: Command[Any], answer: Any) -> None:
    removed = isinstance(answer, str)  # then its id is all there is
    values = {
        "answer_type": REMOVED if removed else type(answer).__name__,
        "answer_id": answer if removed else answer.id,
    }
    await connection.execute(_KEEP.values(**values), _owner(actor, command))


async def keep_refusal(
    connection: AsyncConnection, actor: Actor, command: Command[Any], fingerprint: bytes, error: DomainError
) -> None:
    """Whoever repeats a command that was refused for what it found is refused for the same."""
    refusal = Refusal(error.code, error.message, error.details)
    statement = _REFUSE.values(fingerprint=fingerprint, refusal=refusal)
    await connection.execute(statement, _owner(actor, command))


def is_final(error: DomainError) -> bool:
    """Not what the caller mends in the same request, nor what passes by itself."""
    return error.http_status in _FINAL_STATUSES or error.code is ErrorCode.QUOTA_EXCEEDED


_FINAL_STATUSES = {402, 404, 409, 410, 412}


class KeptResponses:
    """The very bytes that a command was answered with over HTTP."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def find(self, actor: Actor, command: Command[Any]) -> KeptResponse | None:
        """What this command was answered before. Raises CONFLICT where its key was used for another input."""
        with spoken_plainly():
            async with self.engine.connect() as connection:
                row = (await connection.execute(_RESPONSE, _owner(actor, command))).first()
        if row is None:
            return None
        _require_same(row.fingerprint, fingerprint_of(command))
        response: KeptResponse = row.response
        return response

    async def keep(self, actor: Actor, command: Command[Any], response: KeptResponse) -> KeptResponse:
        """What everybody is answered who repeats the command; nothing is kept of one that has left no trace."""
        fingerprint = fingerprint_of(command)
        values = {**_owner(actor, command), "own_fingerprint": fingerprint, "answered": response}
        with spoken_plainly():
            async with self.engine.begin() as connection:
                row = (await connection.execute(_RESPOND, values)).first()
        return response if row is None else row.response


async def forget_old(connection: AsyncConnection) -> None:
    await connection.execute(_FORGET, {"kept_hours": KEPT_HOURS})
