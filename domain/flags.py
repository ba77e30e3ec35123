"""Feature flags: what can be switched, for a project or for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.errors import InvalidInput


class Flag(StrEnum):
    STEP_CACHE = "step-cache"
    INTROSPECTION = "introspection"
    SOURCE_MARK = "source-mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """`default` also says of which type its values are. Without `per_project` it is the whole server's."""

    default: bool
    says: str
    per_project: bool = False

    def takes(self, value: Any) -> bool:
        return type(value) is type(self.default)


FLAGS: dict[Flag, Meaning] = {
    Flag.STEP_CACHE: Meaning(
        default=True,
        says="Steps that were done before are not paid for again; off: new runs make everything afresh.",
        per_project=True,
    ),
    Flag.INTROSPECTION: Meaning(
        default=True,
        says="GraphQL tells its schema to whoever asks; off: it answers FORBIDDEN.",
    ),
    Flag.SOURCE_MARK: Meaning(
        default=True,
        says="Files of generated pictures say that a model made them; off: new ones say what their maker wrote alone.",
        per_project=True,
    ),
}


def require_project_flags(values: Mapping[str, Any]) -> None:
    """Refuses what is no flag of a project, and what is no value of one."""
    known = {str(flag): meaning for flag, meaning in FLAGS.items() if meaning.per_project}
    for name, value in values.items():
        if name not in known:
            message = f"featureFlags.{name[:80]} is not a flag of a project; known: {', '.join(known)}"
            raise InvalidInput(message, field="settings.featureFlags")
        if not known[name].takes(value):
            raise InvalidInput(f"featureFlags.{name} must be true or false", field="settings.featureFlags")
