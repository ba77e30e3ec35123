"""Commands refuse what they cannot keep, and say so in our words: never with another exception."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.assets import AssetType, CreateAsset, UpdateAsset
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.graphs import Edge, Graph, Node
from domain.ids import new_id
from domain.kinds import KINDS
from domain.kinds.input_value import checked_inputs
from domain.organizations import FoundOrganization
from domain.plain import plain
from domain.problems import problems, require_valid
from domain.projects import CreateProject, UpdateProject
from domain.run_commands import StartRun
from domain.versions import require_version
from domain.workflows import CreateWorkflow, DuplicateWorkflow, UpdateWorkflow
from tests.domain.building import ANY_JSON, ANY_TEXT, refusal

ID = new_id()
BUILDERS: list[Callable[[str, Any], object]] = [
    lambda text, _: FoundOrganization(slug=text, name=text),
    lambda text, json: CreateProject(name=text, settings=json),
    lambda text, json: CreateProject(name="Website", slug=text, settings=json),
    lambda text, json: UpdateProject(id=ID, name=text, settings=json),
    lambda text, _: CreateWorkflow(project_id=ID, name=text, nodes=[], edges=[]),
    lambda text, _: UpdateWorkflow(id=ID, name=text),
    lambda text, _: DuplicateWorkflow(id=ID, name=text),
    lambda text, json: CreateAsset(project_id=ID, type=AssetType.PROMPT, label=text, content=json),
    lambda text, json: CreateAsset(project_id=ID, type=AssetType.DATASET, label=text, metadata=json, content=json),
    lambda text, json: UpdateAsset(id=ID, label=text, metadata=json, content=json),
    lambda _, json: StartRun(workflow_id=ID, inputs=json),
]
NODES = st.builds(
    Node,
    id=st.sampled_from(["a", "b", "c"]) | ANY_TEXT,
    kind=st.sampled_from(sorted(KINDS)) | ANY_TEXT,
    label=st.none() | ANY_TEXT,
    config=ANY_JSON
    | st.fixed_dictionaries({}, optional=dict.fromkeys(("name", "template", "count", "default"), ANY_JSON)),
)
ENDS = st.sampled_from(["a", "b", "c", "a.value", "b.text", "c.images", ".", "a."]) | ANY_TEXT
GRAPHS = st.builds(
    Graph,
    st.lists(NODES, max_size=5).map(tuple),
    st.lists(st.builds(Edge, source=ENDS, target=ENDS), max_size=6).map(tuple),
)


@given(st.sampled_from(BUILDERS), ANY_TEXT, ANY_JSON)
def test_any_text_and_any_json_make_a_command_or_are_refused(
    build: Callable[[str, Any], object], text: str, json: Any
) -> None:
    refused = refusal(lambda: build(text, json))
    assert refused is None or refused.code is ErrorCode.VALIDATION_ERROR


@given(GRAPHS)
def test_any_graph_has_problems_in_our_words_or_can_run(graph: Graph) -> None:
    refused, found = refusal(lambda: require_valid(graph)), problems(graph)
    assert (refused is None) == (found == [])
    assert refused is None or refused.details["problems"] == plain(found[:100])


@given(
    st.fixed_dictionaries({"type": st.sampled_from(["text", "number", "boolean", "json"]), "required": st.booleans()}),
    ANY_JSON,
)
def test_any_value_of_an_input_is_taken_or_refused(config: dict[str, Any], value: Any) -> None:
    refused = refusal(lambda: checked_inputs([{"name": "words", **config}], {"words": value}))
    assert refused is None or refused.details["field"] == "inputs.words"


@pytest.mark.parametrize("content", [None, "", "  ", 5, ["a"], {"text": "a"}])
def test_the_content_of_a_prompt_is_its_text(content: object) -> None:
    with pytest.raises(InvalidInput, match="content of a PROMPT"):
        CreateAsset(project_id=ID, type=AssetType.PROMPT, label="Sky", content=content)


def test_a_change_made_for_another_version_is_a_conflict_that_says_which_it_is() -> None:
    require_version(3, None)
    require_version(3, 3)
    with pytest.raises(DomainError, match="at version 3, not 2") as refused:
        require_version(3, 2)
    assert refused.value.extensions == {"code": "CONFLICT", "currentVersion": 3, "field": "expectedVersion"}
