"""What is asked often is found by an index, in tables that hold some thousand rows."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from app.parts import Parts
from domain.ids import new_id
from domain.images import Image
from domain.members import Member, SetMember
from domain.permissions import Actor, Role
from domain.runs import Run
from domain.steps import Step
from storage.leases import Leases
from tests.contract.callers import member
from tests.contract.studio_rows import finished, statements
from tests.studio import Tenant, tenant

# Each row is a copy of the one there is, apart from what the object says.
_COPIES = """
    INSERT INTO {table} SELECT copy.* FROM {table} AS one, {over}, LATERAL jsonb_populate_record(one,
        jsonb_build_object({changes})) AS copy WHERE {which}
"""


@dataclass(frozen=True)
class Copies:
    table: str
    over: str
    which: str
    changes: dict[str, str]

    @property
    def sql(self) -> str:
        changes = ", ".join(f"'{name}', {value}" for name, value in self.changes.items())
        return _COPIES.format(table=self.table, over=self.over, changes=changes, which=self.which)


_ID = {"id": "gen_random_uuid()"}
_FILL = [
    Copies("projects", "generate_series(1, 40) AS n", "true", {**_ID, "slug": "'p-' || n"}),
    Copies("workflows", "projects", "one.id = :workflow", {**_ID, "project_id": "projects.id"}),
    Copies(
        "runs",
        "workflows, generate_series(1, 100) AS n",
        "one.id = :run",
        {**_ID, "workflow_id": "workflows.id", "project_id": "workflows.project_id", "priority": "n"},
    ),
    Copies(
        "steps",
        "runs, generate_series(1, 3) AS n",
        "one.id = :step",
        {**_ID, "run_id": "runs.id", "project_id": "runs.project_id", "node_id": "'n' || n"},
    ),
    Copies(
        "images",
        "runs",
        "one.id = :image",
        {**_ID, "run_id": "runs.id", "storage_key": "runs.id", "file_name": "runs.id"},
    ),
    Copies(
        "members",
        "projects, generate_series(1, 100) AS n",
        "true",
        {**_ID, "project_id": "projects.id", "subject": "'p-' || n"},
    ),
    Copies(
        "events",
        "projects, generate_series(1000, 1200) AS n",
        "one.run_id = :run AND one.event = 'run.completed'",
        {"project_id": "projects.id", "seq": "n"},
    ),
]
_TOLD_LONG_AGO = text("""
    INSERT INTO announcements (id, level, message, starts_at, ends_at, started_at, ended_at, version, created_at)
    SELECT gen_random_uuid(), 'info', 'Old', now(), now(), now(), now(), 2, now() FROM generate_series(1, 5000)
""")
_LOST = text("""
    UPDATE steps SET status = 'RUNNING', lease_until = now() - interval '1 minute'
    WHERE id IN (SELECT id FROM steps LIMIT 5)
""")


def member_of(one: Tenant, run: Run) -> Actor:
    return member(one.actor.organization_id, {run.project_id: Role.VIEWER, new_id(): Role.EDITOR})


Ask = Callable[[Tenant, Run], Awaitable[object]]
HOT: dict[str, Ask] = {
    "a page of a project's runs": lambda one, run: one.parts.studio.reads.page(
        Run, one.actor, first=20, after=None, project_id=run.project_id
    ),
    "a page of a workflow's runs": lambda one, run: one.parts.studio.reads.page(
        Run, one.actor, first=20, after=None, workflow_id=run.workflow_id
    ),
    "the steps of some runs": lambda one, run: one.parts.studio.reads.many(Step, one.actor, run_id=[run.id, run.id]),
    "the images of some runs": lambda one, run: one.parts.studio.reads.many(Image, one.actor, run_id=[run.id, run.id]),
    "a run by its id": lambda one, run: one.parts.studio.reads.one(Run, one.actor, id=run.id),
    "a page of a project's runs, for a member": lambda one, run: one.parts.studio.reads.page(
        Run, member_of(one, run), first=20, after=None, project_id=run.project_id
    ),
    "a run by its id, for a member": lambda one, run: one.parts.studio.reads.one(Run, member_of(one, run), id=run.id),
    "the images of some runs, for a member": lambda one, run: one.parts.studio.reads.many(
        Image, member_of(one, run), run_id=[run.id, run.id]
    ),
    "where a person is a member": lambda one, _: one.parts.credentials.memberships(one.actor.organization_id, "ada"),
    "the teams of some projects": lambda one, run: one.parts.studio.reads.many(
        Member, one.actor, project_id=[run.project_id, run.project_id]
    ),
    "a list of a project's images": lambda one, run: one.parts.studio.reads.listed(
        Image, one.actor.within(run.project_id), limit=20, offset=40, project_id=run.project_id, deleted_at=None
    ),
    "the events after a number": lambda one, run: one.parts.studio.events.after(run.project_id, 3, most=200),
    "the history of a run": lambda one, run: one.parts.studio.events.of_run(run.project_id, run.id, 3, most=101),
    "announcements that hold": lambda one, _: one.parts.studio.announcements.current(),
    "announcements whose time has come": lambda one, _: one.parts.studio.announcements.due(),
    "steps whose lease has ended": lambda one, _: Leases(one.parts.engine).expired(),
    "steps that wait for long": lambda one, _: Leases(one.parts.engine).requeue_stranded(3600),
}


async def filled(parts: Parts) -> tuple[Tenant, Run]:
    """A tenant with 40 projects, 4,000 runs, 12,000 steps, and a run of it."""
    one = await tenant(parts)
    run = await finished(one)
    await one.do(SetMember(project_id=one.project_id, subject="ada", role=Role.VIEWER))
    reads = parts.studio.reads
    step = (await reads.many(Step, one.actor, run_id=run.id))[0]
    image = (await reads.many(Image, one.actor, run_id=run.id))[0]
    named = {"workflow": run.workflow_id, "run": run.id, "step": step.id, "image": image.id}
    async with parts.engine.begin() as connection:
        for copies in _FILL:
            await connection.execute(text(copies.sql), named)
        await connection.execute(_TOLD_LONG_AGO)
        await connection.execute(_LOST)
        await connection.execute(text("ANALYZE"))
    return one, run


async def test_what_is_asked_often_is_found_by_an_index(parts: Parts, subtests: pytest.Subtests) -> None:
    one, run = await filled(parts)
    for name, ask in HOT.items():
        with subtests.test(name), statements(parts.engine) as sent:
            await ask(one, run)
            plan = await _plan(parts, *sent[-1])  # of the rows: how many there are takes a look at all of them
            assert "Seq Scan" not in plan, plan


async def _plan(parts: Parts, statement: str, parameters: tuple[object, ...]) -> str:
    async with parts.engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return "\n".join(rows.scalars())
