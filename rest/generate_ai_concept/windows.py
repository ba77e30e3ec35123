"""How much of a batch is asked for: which of its logs, and which of its pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from domain.errors import InvalidInput
from domain.ids import Id, parse_id
from domain.shots.sequences import MOST_SHOTS
from rest.api_v1.queries import whole_number
from storage.shot_pictures import LogWindow, PictureWindow

DEFAULT_LOGS, MOST_LOGS = 100, 500
MOST_RESULTS = MOST_SHOTS
_LOGS, _RESULTS = LogWindow(DEFAULT_LOGS), PictureWindow(MOST_RESULTS)
KNOWN = ("logs_limit", "logs_after", "logs_before", "results_limit", "results_after")


@dataclass(frozen=True, slots=True)
class Windows:
    logs: LogWindow = _LOGS
    results: PictureWindow = _RESULTS

    def query(self, **logs: Any) -> str:
        """What asks for these pictures again, with other logs."""
        pictures = {"results_limit": self.results.most, "results_after": self.results.after}
        told = {name: value for name, value in pictures.items() if value is not None and self.results != _RESULTS}
        return urlencode({"logs_limit": self.logs.most, **logs, **told})


def windows_of(asked: Mapping[str, str]) -> Windows:
    logs = whole_number(asked, "logs_limit", DEFAULT_LOGS, 1, MOST_LOGS)
    results = whole_number(asked, "results_limit", MOST_RESULTS, 1, MOST_RESULTS)
    after, before = (_line_of(asked, name) for name in ("logs_after", "logs_before"))
    return Windows(LogWindow(logs, after, before), PictureWindow(results, asked.get("results_after")))


def _line_of(asked: Mapping[str, str], name: str) -> Id | None:
    end = parse_id(asked[name]) if name in asked else None
    if name in asked and end is None:
        raise InvalidInput(f"{name} must be the id of a line of the logs", field=name)
    return end
