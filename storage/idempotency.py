"""Answers kept for repeated commands: one row for each actor and key, for a day."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.permissions import Actor
from domain.ports import Command

SHORTEST_KEY, LONGEST_KEY = 16, 255
KEPT_HOURS = 24

# Waits for a twin that is under way; a row comes back where this command is the first, or the earlier one is forgotten.
_RESERVE = text("""
    INSERT INTO idempotency_keys AS kept (organization_id, subject, key, fingerprint, created_at)
    VALUES (:organization_id, :subject, :key, :fingerprint, now())
    ON CONFLICT (organization_id, subject, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, answer_type = NULL, answer_id = NULL, created_at = now()
        WHERE kept.created_at < now() - make_interval(hours => :kept_hours)
    RETURNING key
""")
_EARLIER = text("""
    SELECT fingerprint, answer_type, answer_id::text FROM idempotency_keys
    WHERE organization_id = :organization_id AND subject = :subject AND key = :key
""")
_KEEP = text("""
    UPDATE idempotency_keys SET answer_type = :answer_type, answer_id = :answer_id
    WHERE organization_id = :organization_id AND subject = :subject AND key = :key
""")
_FORGET = text("DELETE FROM idempotency_keys WHERE created_at < now() - make_interval(hours => :kept_hours)")


def is_key(client_mutation_id: str | None) -> bool:
    """Shorter ones are a client's own counters: echoed, never a key."""
    if client_mutation_id is not None and len(client_mutation_id) > LONGEST_KEY:
        raise InvalidInput(f"An idempotency key has at most {LONGEST_KEY} characters", field="clientMutationId")
    return client_mutation_id is not None and len(client_mutation_id) >= SHORTEST_KEY


def _owner(actor: Actor, command: Command[Any]) -> dict[str, Any]:
    return {
        "organization_id": actor.organization_id,
        "subject": f"{actor.kind}:{actor.subject}",
        "key": command.client_mutation_id,
    }


async def reserve(connection: AsyncConnection, actor: Actor, command: Command[Any], fingerprint: bytes) -> Any:
    """The row of an earlier command with this key, or None for the first. Another input is a conflict."""
    owner = _owner(actor, command)
    first = await connection.execute(_RESERVE, {**owner, "fingerprint": fingerprint, "kept_hours": KEPT_HOURS})
    if first.first() is not None:
        return None
    row = (await connection.execute(_EARLIER, owner)).one()
    if row.fingerprint != fingerprint:
        message = "This clientMutationId was used for another input: use a fresh one for each change"
        raise DomainError(ErrorCode.CONFLICT, message, field="clientMutationId")
    return row


async def keep(connection: AsyncConnection, actor: Actor, command: Command[Any], answer: Any) -> None:
    values = {"answer_type": type(answer).__name__, "answer_id": answer.id}
    await connection.execute(_KEEP, {**_owner(actor, command), **values})


async def forget_old(connection: AsyncConnection) -> None:
    await connection.execute(_FORGET, {"kept_hours": KEPT_HOURS})
