"""What is left to do after something large was removed: it is gone at once, and what belonged to it part after part."""

from dataclasses import dataclass
from enum import StrEnum

from domain.ids import Id

AT_ONCE = 100


class LeftoverOf(StrEnum):
    FLOW = "flow"
    LIVE_SCOPE = "live_scope"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """Its id is that of what was removed."""

    id: Id
    organization_id: Id
    project_id: Id
    of: LeftoverOf
