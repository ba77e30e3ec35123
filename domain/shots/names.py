"""Names of shot files: a project has one template for them, which writes names and reads them."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Protocol

from domain.errors import InvalidInput
from domain.shots.name_fields import FIELDS, MOST_VERSION, Field, ShotTask
from domain.shots.name_templates import Part, parts_of

LONGEST_NAME_BYTES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotName:
    """What a name says: which version of which picture of which shot. Raises VALIDATION_ERROR for what cannot be."""

    season: str
    episode: str
    sequence: str
    plan: str
    task: ShotTask
    version: int
    ext: str

    def __post_init__(self) -> None:
        require_season_and_episode(self.season, self.episode)
        for name in ("sequence", "plan", "task", "ext"):
            _require(name, getattr(self, name))
        if not 1 <= self.version <= MOST_VERSION:
            raise InvalidInput(f"version must be a number from 1 to {MOST_VERSION:,}", field="version")


def _require(name: str, text: str) -> None:
    if said := FIELDS[name].problem(text):
        raise InvalidInput(said, field=name)


def require_season_and_episode(season: str, episode: str) -> None:
    """Both well written, and the episode one of the season: E202 of S02. Raises VALIDATION_ERROR."""
    _require("season", season)
    _require("episode", episode)
    if season != season_of(episode):
        raise InvalidInput(f"{_disagreement(season, episode)}: mend the one that is wrong", field="episode")


def season_of(episode: str) -> str:
    """The season a well-written episode belongs to: what is before its last two digits."""
    return f"S{episode[1:-2]:0>2}"


def _disagreement(season: str, episode: str) -> str:
    return f"episode {episode} belongs to season {season_of(episode)}, not {season}"


class InSequence(Protocol):
    @property
    def season(self) -> str: ...

    @property
    def episode(self) -> str: ...

    @property
    def sequence(self) -> str: ...


def path_of(name: InSequence, file_name: str) -> str:
    """Where the file stands among those of its project: `S02/E202/SQ0010/<file name>`."""
    return f"{name.season}/{name.episode}/{name.sequence}/{file_name}"


@dataclass(frozen=True, slots=True)
class Nomenclature:
    """A template that is known to be good: every name has one spelling, and no two the same."""

    template: str
    parts: tuple[Part, ...]

    def render(self, name: ShotName) -> str:
        values = asdict(name)
        return "".join(part if isinstance(part, str) else part.written(values[part.name]) for part in self.parts)

    def parse(self, text: str) -> ShotName | None:
        """What the name says; None where it is not one of this template."""
        found = self._read(text)
        return found if isinstance(found, ShotName) else None

    def problem(self, text: str) -> str:
        """What about the name does not fit this template; empty where it fits."""
        found = self._read(text)
        return found if isinstance(found, str) else ""

    def _read(self, text: str) -> ShotName | str:
        if len(text.encode(errors="surrogatepass")) > LONGEST_NAME_BYTES:
            return f"a file name has at most {LONGEST_NAME_BYTES} bytes"
        values: dict[str, str] = {}
        place = 0
        for part, before in zip(self.parts, (None, *self.parts), strict=False):
            if isinstance(part, Field):
                if (found := part.at(text, place)) is None:
                    return part.problem_at(text, place)
                values[part.name] = found
            elif not text.startswith(part, place):
                return _overlong(before, values, text, place) or _missing(part, text, place)
            place += len(part if isinstance(part, str) else values[part.name])
        return _told(values) if place == len(text) else _overlong(self.parts[-1], values, text, place)


def _overlong(part: Part | None, values: dict[str, str], text: str, place: int) -> str:
    """What is wrong with a field that goes on where it should end; empty where that is not so."""
    return part.problem_at(text, place - len(values[part.name])) if isinstance(part, Field) else ""


def _missing(literal: str, text: str, place: int) -> str:
    there = f"not {text[place : place + 40]!r}" if place < len(text) else "where the name ends"
    return f"{literal!r} must stand at character {place + 1}, {there}"


def _told(values: dict[str, str]) -> ShotName | str:
    season = values.setdefault("season", season_of(values["episode"]))
    if season != season_of(values["episode"]):
        return _disagreement(season, values["episode"])
    task, version = ShotTask(values.pop("task")), int(values.pop("version"))
    return ShotName(**values, task=task, version=version)


@lru_cache(256)
def compiled(template: str) -> Nomenclature:
    """The template, ready to write and read names. Raises NOMENCLATURE_INVALID."""
    return Nomenclature(template, parts_of(template))
