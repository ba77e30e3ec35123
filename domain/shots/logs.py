"""What happened to the shots of a batch, line by line."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from domain.ids import Id, new_id
from domain.shots.shot import Shot

LONGEST_MESSAGE = 1_000


class LogLevel(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """Lines are written under their batch's lock, so that their ids are in the order in which they can be read."""

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    batch_id: Id
    shot_id: Id | None
    level: LogLevel = LogLevel.INFO
    message: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


def line(shot: Shot, message: str, level: LogLevel = LogLevel.INFO) -> LogLine:
    return LogLine(
        organization_id=shot.organization_id,
        project_id=shot.project_id,
        batch_id=shot.batch_id,
        shot_id=shot.id,
        level=level,
        message=message[:LONGEST_MESSAGE],
    )
