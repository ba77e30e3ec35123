"""The files of a project's shots: which names there are, whose they are, and which come next."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.ids import Id, new_id
from domain.images import Image
from domain.ports import Transaction
from domain.projects import Project
from domain.shots.name_fields import ShotTask
from domain.shots.names import Nomenclature, ShotName, compiled

Plan = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class ShotFile:
    """
    A name that was given, to a picture that is there or is yet to be made: never again to anything else.

    A shot's `AI-concept` has the shot it is of; an `extracted-raw` belongs to its plan, whichever batch uses it.
    """

    id: Id = field(default_factory=new_id)
    organization_id: Id
    project_id: Id
    season: str
    episode: str
    sequence: str
    plan: str
    task: ShotTask
    version: int
    ext: str
    name: str
    shot_id: Id | None = None
    image_id: Id | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    def of(cls, project: Project, name: ShotName, shot_id: Id | None = None, image_id: Id | None = None) -> "ShotFile":
        return cls(
            organization_id=project.organization_id,
            project_id=project.id,
            season=name.season,
            episode=name.episode,
            sequence=name.sequence,
            plan=name.plan,
            task=name.task,
            version=name.version,
            ext=name.ext,
            name=nomenclature_of(project).render(name),
            shot_id=shot_id,
            image_id=image_id,
        )

    @property
    def says(self) -> ShotName:
        return ShotName(
            season=self.season,
            episode=self.episode,
            sequence=self.sequence,
            plan=self.plan,
            task=self.task,
            version=self.version,
            ext=self.ext,
        )


def nomenclature_of(project: Project) -> Nomenclature:
    return compiled(project.settings.nomenclature)


async def alone(tx: Transaction, project_id: Id) -> None:
    """Whoever gives out names of a project does so alone, until the transaction ends. Taken after rows of shots."""
    await tx.alone(f"shot-files/{project_id}")


async def next_versions(
    tx: Transaction, project: Project, episode: str, task: ShotTask, plans: Iterable[Plan]
) -> dict[Plan, int]:
    """For each of these plans the version after all that were ever given."""
    wanted = dict.fromkeys(plans, 1)
    sequences = sorted({sequence for sequence, _ in wanted})
    known = {"project_id": project.id, "episode": episode, "task": task, "sequence": sequences}
    for file in await tx.find(ShotFile, **known):
        if (file.sequence, file.plan) in wanted:
            wanted[file.sequence, file.plan] = max(wanted[file.sequence, file.plan], file.version + 1)
    return wanted


async def names_taken(tx: Transaction, project: Project, names: Iterable[str]) -> list[str]:
    """Those of these names that were given before, as under another template."""
    return [file.name for file in await tx.find(ShotFile, project_id=project.id, name=list(names))]


async def sources_of(tx: Transaction, project_id: Id, episode: str, plans: Iterable[Plan]) -> dict[Plan, Id]:
    """The plans' own pictures: of each the newest that is there. Plans without one are left out."""
    wanted = set(plans)
    sequences = sorted({sequence for sequence, _ in wanted})
    known = {"project_id": project_id, "episode": episode, "sequence": sequences, "task": ShotTask.EXTRACTED_RAW}
    files = [file for file in await tx.find(ShotFile, **known) if (file.sequence, file.plan) in wanted]
    brought = [file.image_id for file in files if file.image_id is not None]
    living = {image.id for image in await tx.find(Image, id=brought, deleted_at=None)} if brought else set()
    newest: dict[Plan, Id] = {}
    for file in sorted(files, key=lambda file: file.version):
        if file.image_id in living:
            newest[file.sequence, file.plan] = file.image_id
    return newest
