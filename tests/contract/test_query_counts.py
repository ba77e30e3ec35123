"""How many statements an answer takes: as many for one row as for a page of them."""

from dataclasses import replace
from typing import Any

import pytest

from app.parts import Parts
from domain.permissions import Role
from domain.workflows import Workflow
from resolvers.context import Context
from schema import schema
from tests.contract.callers import member
from tests.contract.studio_rows import finished, statements
from tests.studio import Tenant, tenant

MOST_OF_A_PAGE = 10
RUNS = """{ project { runs(first: 20) { totalCount nodes {
  id status workflow { name } project { name } metrics { cost }
  steps { id status images { id cdnUrl } } images { id storageUrl }
} } } }"""
START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id status } } }"


async def answered(one: Tenant, query: str, **variables: Any) -> tuple[dict[str, Any], list[str]]:
    """The data of the answer, and the statements it took."""
    context = Context(one.parts.studio, one.actor, one.actor.trace_id)
    with statements(one.parts.engine) as sent:
        result = await schema.execute(query, variable_values=variables, context_value=context)
    assert not result.errors
    assert result.data
    return result.data, [" ".join(statement.split())[:80] for statement, _ in sent]


async def test_a_page_of_runs_takes_as_many_statements_as_one_run(parts: Parts) -> None:
    one = await tenant(parts)
    workflow = await one.hero_image()
    await finished(one, workflow)
    of_one = (await answered(one, RUNS))[1]
    for _ in range(19):
        await finished(one, workflow)
    data, of_twenty = await answered(one, RUNS)
    runs = data["project"]["runs"]["nodes"]
    assert [(len(run["steps"]), len(run["images"])) for run in runs] == [(4, 1)] * 20
    assert len(of_twenty) == len(of_one) <= MOST_OF_A_PAGE, of_twenty


async def test_who_is_let_into_projects_asks_as_few_statements_as_who_may_see_all(parts: Parts) -> None:
    one = await tenant(parts)
    await finished(one)
    insider = replace(one, actor=member(one.actor.organization_id, {one.project_id: Role.VIEWER}))
    query = "query($id: ID!) { project(id: $id) { team { subject } runs(first: 5) { nodes { id steps { id } } } } }"
    of_all, sent_for_all = await answered(one, query, id=one.project_id)
    found, sent = await answered(insider, query, id=one.project_id)
    assert (found, sorted(sent)) == (of_all, sorted(sent_for_all))


@pytest.mark.parametrize(("key", "most"), [({}, 6), ({"clientMutationId": "a-key-of-16-characters"}, 8)])
async def test_starting_a_run_takes_few_statements(parts: Parts, key: dict[str, str], most: int) -> None:
    one = await tenant(parts)
    workflow = await one.hero_image()
    await one.parts.studio.starts.count(one.actor, Workflow, workflow.id)  # whose project is looked up once
    start = {"workflowId": workflow.id, "inputs": {"prompt": "A kite"}}
    sent = (await answered(one, START, input={**start, **key}))[1]
    assert len(sent) <= most, sent
