"""What the messages of the plain envelope say. What is wrong in them is VALIDATION_ERROR."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domain.errors import InvalidInput
from domain.ids import Id
from streams.sockets.frames import MOST_ID_CHARACTERS, is_id

CHANNELS = ("runs", "presence", "announcements")
MOST_CHANNELS = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """One channel to follow, as CHANNELS has them; of which project, or which run."""

    channel: str
    project_id: Id | None = None
    run_id: Id | None = None


def wanted_in(message: Mapping[str, Any]) -> list[Wanted]:
    """The channels of a `subscribe`: one, or several under one cursor."""
    if "channels" not in message:
        return [_wanted(message)]
    several = message["channels"]
    if "channel" in message:
        raise InvalidInput("Name one `channel`, or several as `channels`", field="channels")
    if not isinstance(several, list) or not all(isinstance(one, dict) for one in several):
        raise InvalidInput("`channels` is a list of objects, each with a `channel`", field="channels")
    return [_wanted(one) for one in several]


def name_in(message: Mapping[str, Any]) -> str:
    """The id of a subscription; without one, its channel's name."""
    id_ = message.get("id", message.get("channel"))
    if not is_id(id_):
        raise InvalidInput(f"`id` is a text of 1 to {MOST_ID_CHARACTERS} characters", field="id")
    name: str = id_
    return name


def text_in(message: Mapping[str, Any], name: str) -> str | None:
    """A text that need not be there."""
    found = message.get(name)
    if found is not None and not isinstance(found, str):
        raise InvalidInput(f"`{name}` is a text", field=name)
    return found


def id_in(message: Mapping[str, Any], name: str) -> Id | None:
    found = text_in(message, name)
    return None if found is None else Id(found)


def state_in(message: Mapping[str, Any]) -> Any:
    """What somebody looks at; null leaves, which is not meant by saying nothing."""
    if "state" not in message:
        raise InvalidInput("`state` is what you look at: an object, or null to leave", field="state")
    return message["state"]


def _wanted(said: Mapping[str, Any]) -> Wanted:
    channel = said.get("channel")
    if channel not in CHANNELS:
        raise InvalidInput(f"`channel` is one of {', '.join(CHANNELS)}", field="channel")
    return Wanted(channel, id_in(said, "projectId"), id_in(said, "runId"))
