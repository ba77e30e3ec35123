"""Which shot a file is for: told by its name alone, before anything of it is stored."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from domain.ids import Id
from domain.ports import Transaction
from domain.projects import Project
from domain.shots.batch import ShotBatch
from domain.shots.files import ShotFile, names_taken, nomenclature_of
from domain.shots.name_fields import ShotTask
from domain.shots.names import ShotName
from domain.shots.shot import Shot, ShotStatus

MOST_FILES = 2_000
# How far a version may be from the one before: a slip of the keyboard would use them all up.
LONGEST_STRIDE = 1_000


class FileMatch(StrEnum):
    """
    MATCHED: one shot waits for it. AMBIGUOUS: several do. MISSING: none does, or it is no name of a shot's file.
    COLLIDING: there is a file of this name, or of a later version, or two of those that are brought have it.
    """

    MATCHED = "MATCHED"
    AMBIGUOUS = "AMBIGUOUS"
    MISSING = "MISSING"
    COLLIDING = "COLLIDING"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotFileMatch:
    """What became of a file's name: `problem` says why it is not MATCHED, and what to do."""

    file_name: str
    match: FileMatch
    shot: Shot | None = None
    says: ShotName | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """What names are looked for in: the shots of a batch, or all that wait in a project."""

    project: Project
    batch: ShotBatch | None
    shots: dict[tuple[str, str, str], list[Shot]]
    files: dict[tuple[str, str, str, ShotTask], list[ShotFile]]
    taken: frozenset[str]

    def match(self, file_name: str) -> ShotFileMatch:
        nomenclature = nomenclature_of(self.project)
        says = nomenclature.parse(file_name)
        if says is None:
            return _missing(file_name, nomenclature.problem(file_name))
        candidates = self.shots.get((says.episode, says.sequence, says.plan), [])
        if says.task is ShotTask.EXTRACTED_RAW:
            return self._source(file_name, says, candidates)
        return self._picture(file_name, says, candidates)

    def _source(self, file_name: str, says: ShotName, candidates: Sequence[Shot]) -> ShotFileMatch:
        if self.batch is not None and not candidates:
            return _missing(file_name, f"this batch has no shot {says.sequence}-{says.plan}", says)
        if (problem := self._collision(file_name, says, None)) is not None:
            return ShotFileMatch(file_name=file_name, match=FileMatch.COLLIDING, says=says, problem=problem)
        shot = max(candidates, key=lambda shot: shot.id, default=None)  # the newest batch of those that have the plan
        return ShotFileMatch(file_name=file_name, match=FileMatch.MATCHED, says=says, shot=shot)

    def _picture(self, file_name: str, says: ShotName, candidates: Sequence[Shot]) -> ShotFileMatch:
        waiting = [shot for shot in candidates if shot.status is ShotStatus.WAITING]
        named = [shot for shot in waiting if shot.file_name == file_name] or waiting
        if not named:
            return _missing(file_name, _why_none(says, candidates), says)
        if len(named) > 1:
            several = f"{len(named)} batches wait for {says.sequence}-{says.plan}: say which"
            return ShotFileMatch(file_name=file_name, match=FileMatch.AMBIGUOUS, says=says, problem=several)
        (shot,) = named
        if (problem := self._collision(file_name, says, shot)) is not None:
            return ShotFileMatch(file_name=file_name, match=FileMatch.COLLIDING, shot=shot, says=says, problem=problem)
        return ShotFileMatch(file_name=file_name, match=FileMatch.MATCHED, shot=shot, says=says)

    def _collision(self, file_name: str, says: ShotName, shot: Shot | None) -> str | None:
        """Why the name cannot be this picture's: it is another's, or versions would not grow."""
        if shot is not None and shot.file_name == file_name:
            return None
        if file_name in self.taken:
            return f"'{file_name}' is there already: give the file the next version"
        known = self.files.get((says.episode, says.sequence, says.plan, says.task), [])
        others = (file.version for file in known if shot is None or file.name != shot.file_name)
        newest = max(others, default=0)
        if says.version <= newest:
            return f"version {newest} is there already: give the file a later one than that"
        if says.version > newest + LONGEST_STRIDE:
            return f"the newest version is {newest}: a file's may be {LONGEST_STRIDE} later at most"
        return None


def _missing(file_name: str, problem: str, says: ShotName | None = None) -> ShotFileMatch:
    return ShotFileMatch(file_name=file_name, match=FileMatch.MISSING, says=says, problem=problem)


def _why_none(says: ShotName, candidates: Sequence[Shot]) -> str:
    label = f"{says.sequence}-{says.plan}"
    if not candidates:
        return f"there is no shot {label} of {says.episode} here"
    if any(shot.status is ShotStatus.DONE for shot in candidates):
        return f"{label} has its picture: retry the shot first, which gives it the next version"
    return f"{label} waits for nobody's picture: set its mode to MANUAL first"


async def scope_of(tx: Transaction, project: Project, batch: ShotBatch | None, names: Iterable[str]) -> Scope:
    """All that these names could be about."""
    names = list(names)
    nomenclature = nomenclature_of(project)
    said = [says for name in names if (says := nomenclature.parse(name))]
    sequences = sorted({says.sequence for says in said})
    wanted = {"project_id": project.id, "sequence": sequences}
    where = {"batch_id": batch.id} if batch else {"plan": sorted({says.plan for says in said})}
    found = await tx.find(Shot, **wanted, **where) if said else []
    batches = {batch.id: batch} if batch else await _batches(tx, found)
    shots: dict[tuple[str, str, str], list[Shot]] = defaultdict(list)
    for shot in found:
        shots[batches[shot.batch_id].episode, shot.sequence, shot.plan].append(shot)
    files: dict[tuple[str, str, str, ShotTask], list[ShotFile]] = defaultdict(list)
    episodes = sorted({says.episode for says in said})
    for file in await tx.find(ShotFile, **wanted, episode=episodes) if said else []:
        files[file.episode, file.sequence, file.plan, file.task].append(file)
    return Scope(project, batch, dict(shots), dict(files), frozenset(await names_taken(tx, project, names)))


async def _batches(tx: Transaction, shots: Sequence[Shot]) -> dict[Id, ShotBatch]:
    ids = sorted({shot.batch_id for shot in shots})
    return {batch.id: batch for batch in await tx.find(ShotBatch, id=ids)} if ids else {}


def matches(scope: Scope, names: Sequence[str]) -> list[ShotFileMatch]:
    """What each of these names is for, in their order; two for one picture collide."""
    found = [scope.match(name) for name in names]
    brought = Counter((one.shot.id, one.says.task) for one in found if one.shot is not None and one.says is not None)
    counts = Counter(names)
    return [_collided(one) if _is_second(one, brought) or counts[one.file_name] > 1 else one for one in found]


def _is_second(one: ShotFileMatch, brought: Counter[tuple[Id, ShotTask]]) -> bool:
    if one.match is not FileMatch.MATCHED or one.shot is None or one.says is None:
        return False
    return one.says.task is ShotTask.AI_CONCEPT and brought[one.shot.id, one.says.task] > 1


def _collided(one: ShotFileMatch) -> ShotFileMatch:
    problem = "two of the files are for the same picture: bring one"
    return replace(one, match=FileMatch.COLLIDING, shot=None, problem=problem)
