"""Maps: which items their copies are given, and what can be wrong with what they run."""

from functools import reduce
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import ErrorCode
from domain.graphs import Edge, Graph, Node
from domain.ids import new_id
from domain.kinds.map_items import MOST_ITEMS, items_of
from domain.planning import Place, steps_of
from domain.problems import Problem, problems
from tests.domain.building import ANY_JSON, graph, node, refusal

LISTS = st.lists(st.integers(), max_size=12)


def inner(id: str, kind: str, **config: Any) -> dict[str, Any]:
    return {"id": id, "kind": kind, "config": config}


def subgraph(*nodes: dict[str, Any], edges: tuple[str, ...] = ()) -> dict[str, Any]:
    ends = (text.split(" > ") for text in edges)
    return {"nodes": list(nodes), "edges": [{"source": source, "target": target} for source, target in ends]}


def over(*names: str, **config: Any) -> dict[str, Any]:
    """The settings of a map with inputs of these names."""
    return {**subgraph(*(inner(name, "input", name=name) for name in names)), **config}


def mapped(config: dict[str, Any]) -> Graph:
    """An input, a map with these settings, and an output."""
    nodes = (node("ask", "input", name="items", type="json"), Node(id="many", kind="map", config=config))
    return graph(*nodes, node("out", "output"), edges=("ask > many", "many > out"))


SAYING = (inner("each", "input", name="each"), inner("say", "prompt", template="{{each}}"), inner("said", "output"))
DEEP: list[Any] = reduce(lambda inside, _: [inside], range(30), [])
LINKS = ("each > say", "say > said")


def named(config: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(problem.code, problem.node_id) for problem in problems(mapped(config))]


def wrong_settings(config: dict[str, Any]) -> list[Problem]:
    return [problem for problem in problems(mapped(config)) if problem.code == "INVALID_CONFIG"]


@given(LISTS, LISTS)
def test_lists_of_one_length_are_taken_side_by_side(one: list[int], other: list[int]) -> None:
    pairs = list(zip(one, other, strict=False))
    lists = {"a": [a for a, _ in pairs], "b": [b for _, b in pairs]}
    assert items_of(over("a", "b"), lists) == tuple({"a": a, "b": b} for a, b in pairs)


@given(LISTS, st.integers())
def test_a_list_of_one_stands_for_as_many_as_the_others_have(values: list[int], one: int) -> None:
    assert items_of(over("a", "b"), {"a": values, "b": [one]}) == tuple({"a": a, "b": one} for a in values)


@given(LISTS, LISTS)
def test_a_product_takes_each_value_with_each_other_the_last_list_first(one: list[int], other: list[int]) -> None:
    taken = items_of(over("a", "b", mode="product"), {"a": one, "b": other})
    assert taken == tuple({"a": a, "b": b} for a, b in product(one, other))


@pytest.mark.parametrize("mode", ["zip", "product"])
@pytest.mark.parametrize("lists", [{"a": [], "b": []}, {"a": [], "b": [1]}])
def test_no_values_are_no_items(mode: str, lists: dict[str, list[Any]]) -> None:
    assert items_of(over("a", "b", mode=mode), lists) == ()


def test_a_thousand_items_are_taken() -> None:
    assert len(items_of(over("a"), {"a": [*range(MOST_ITEMS)]})) == MOST_ITEMS
    assert len(items_of(over("a", "b", mode="product"), {"a": [*range(100)], "b": [*range(10)]})) == MOST_ITEMS


@pytest.mark.parametrize(
    ("mode", "lengths", "said"),
    [
        ("zip", (1_001,), "1,001"),
        ("zip", (1_000_000,), "1,000,000"),
        ("zip", (1_000_000, 1), "1,000,000"),
        ("product", (1_000, 2), "2,000"),
        ("product", (1_000_000, 1_000_000, 1_000_000), "1,000,000,000,000,000,000"),
    ],
)
def test_more_items_are_refused_uncounted(mode: str, lengths: tuple[int, ...], said: str) -> None:
    names = [f"list{number}" for number in range(len(lengths))]
    lists = {name: [0] * length for name, length in zip(names, lengths, strict=True)}
    refused = refusal(lambda: items_of(over(*names, mode=mode), lists))
    assert refused is not None
    assert refused.code is ErrorCode.VALIDATION_ERROR
    assert refused.message == f"A map takes up to 1,000 items; these would be {said}"


def test_lists_of_two_lengths_are_refused_with_both() -> None:
    refused = refusal(lambda: items_of(over("a", "b"), {"a": [1, 2], "b": [1, 2, 3]}))
    assert refused is not None
    assert refused.message == "Lists that are taken side by side must be of one length: a has 2, b has 3"


def test_a_map_that_can_run_has_no_problems() -> None:
    assert problems(mapped(subgraph(*SAYING, edges=LINKS))) == []


def test_its_ports_are_the_input_and_output_nodes_of_its_subgraph() -> None:
    nodes = (*SAYING, inner("other", "input", name="who"), inner("more", "output", name="second"))
    found = mapped(subgraph(*nodes, edges=(*LINKS, "other > more")))
    assert [(port.name, port.list) for port in found.ports("many", "inputs")] == [("each", True), ("who", True)]
    assert [(port.name, port.list) for port in found.ports("many", "outputs")] == [("said", True), ("second", True)]
    (problem,) = problems(found)
    assert (problem.code, problem.message) == ("MISSING_INPUT", "'many' needs something for its input 'who'")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        (subgraph(*SAYING, edges=(*LINKS, "say > say")), ("PORT_TAKEN", "many/say")),
        (
            subgraph(*SAYING[:1], inner("say", "prompt", template="{{text}}"), edges=("say > say",)),
            ("CYCLE", "many/say"),
        ),
        (subgraph(*SAYING[:1], inner("paint", "paint")), ("UNKNOWN_KIND", "many/paint")),
        (subgraph(*SAYING, inner("alone", "prompt", template="x"), edges=LINKS), ("UNREACHABLE", "many/alone")),
        (subgraph(*SAYING, edges=LINKS[:1]), ("MISSING_INPUT", "many/said")),
        (subgraph(*SAYING, inner("Bad", "input", name="x"), edges=LINKS), ("INVALID_ID", "many/Bad")),
        (subgraph(*SAYING, inner("each", "input", name="x"), edges=LINKS), ("DUPLICATE_ID", "many/each")),
        (subgraph(*SAYING, inner("again", "input", name="each"), edges=LINKS), ("DUPLICATE_INPUT", "many")),
        (subgraph(*SAYING[:2], edges=("each > say", "say > nobody")), ("UNKNOWN_NODE", "many")),
    ],
)
def test_what_is_wrong_inside_is_named_by_the_map_and_the_node(
    config: dict[str, Any], found: tuple[str, str | None]
) -> None:
    assert found in named(config)


def test_an_edge_inside_is_named_by_the_map_too() -> None:
    found = problems(mapped(subgraph(*SAYING, edges=(*LINKS, "nobody > said.words"))))
    edge = Edge(source="many/nobody", target="many/said.words")
    assert [(problem.code, problem.node_id, problem.edge) for problem in found] == [
        ("UNKNOWN_NODE", "many", edge),
        ("UNKNOWN_PORT", "many", edge),
    ]


def test_what_is_wrong_in_a_map_in_a_map_is_named_all_the_way() -> None:
    cells = inner("cells", "map", **subgraph(*SAYING[:1], inner("say", "prompt", template="{{nothing}}")))
    (problem,) = wrong_settings(subgraph(inner("row", "input", name="row"), cells, edges=("row > cells",)))
    assert problem.node_id == "many/cells/say"
    assert "known: text, each, items, row" in problem.message


def test_a_template_outside_knows_nothing_of_what_is_inside() -> None:
    nodes = mapped(subgraph(*SAYING, edges=LINKS)).nodes
    (problem,) = problems(
        graph(*nodes, node("say", "prompt", template="{{each}}"), edges=("ask > many", "many > out", "ask > say"))
    )
    assert (problem.code, problem.node_id) == ("INVALID_CONFIG", "say")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "nodes"),
        (subgraph(), "config.nodes"),
        (subgraph(inner("say", "prompt", template="x")), "an input node is needed, which takes the items"),
        (subgraph(*(inner(f"n{number}", "input", name=f"n{number}") for number in range(101))), "config.nodes: "),
        ({**over("a"), "edges": [{"source": "a", "target": "a"}] * 501}, "config.edges: "),
        (over("a", mode="shuffle"), "config.mode: "),
        ({"nodes": [{"id": "a", "kind": "input", "run": "x"}], "edges": []}, "config.nodes.0: "),
        ({"nodes": [{"id": 1, "kind": "input"}], "edges": []}, "config.nodes.0.id: "),
        ({"nodes": ["a"], "edges": []}, "config.nodes.0: "),
        ({"nodes": "a", "edges": {}}, "config.nodes: "),
        ({**over("a"), "edges": [{"source": "a"}]}, "config.edges.0: "),
        (subgraph(inner("a", "input", name="a", default=float("nan"))), "NaN"),
        (subgraph(inner("a", "input", name="a", default=DEEP)), "32 levels"),
        (subgraph(inner("a", "input", name="a", default="x" * 70_000)), "larger than 64 KiB"),
    ],
)
def test_settings_that_are_no_subgraph_are_told(config: dict[str, Any], said: str) -> None:
    found = wrong_settings(config)
    assert {problem.node_id for problem in found} == {"many"}
    assert any(said in problem.message for problem in found)


@given(st.dictionaries(st.sampled_from(["nodes", "edges", "mode", "name"]), ANY_JSON, max_size=4))
def test_whatever_stands_in_a_maps_settings_is_read_without_harm(config: dict[str, Any]) -> None:
    assert problems(mapped(config))


@given(st.dictionaries(st.sampled_from(["id", "kind", "config", "label"]), ANY_JSON | st.just("map"), max_size=4))
def test_so_is_whatever_stands_in_its_nodes(inside: dict[str, Any]) -> None:
    assert problems(mapped({"nodes": [inside], "edges": []}))


def test_maps_go_as_deep_as_json_does() -> None:
    config = subgraph(*SAYING, edges=LINKS)
    for _ in range(12):
        config = subgraph(SAYING[0], {"id": "deeper", "kind": "map", "config": config}, edges=("each > deeper",))
    (problem,) = wrong_settings(config)
    assert problem.message == "config is nested more than 32 levels deep"


def test_the_prompts_that_any_map_inside_names_are_the_graphs() -> None:
    ids = [str(new_id()) for _ in range(2)]
    says = [inner("say", "prompt", template="x", prompts={"style": id_}) for id_ in ids]
    cells = inner("cells", "map", **subgraph(SAYING[0], says[0]))
    assert mapped(subgraph(inner("row", "input", name="row"), cells, says[1])).prompt_ids == set(ids)


def test_copies_share_what_the_map_stands_for() -> None:
    places = [
        Place(organization_id=new_id(), project_id=new_id(), run_id=new_id(), share=0.5 / 3, prefix=f"many/{number}/")
        for number in range(3)
    ]
    steps = [step for place in places for step in steps_of(mapped(over("each")), place)]
    assert sum(step.share for step in steps) == pytest.approx(0.5)
    assert [step.node_id for step in steps[:3]] == ["many/0/ask", "many/0/many", "many/0/out"]
    assert (steps[0].targets, steps[1].sources[0].node_id) == (("many/0/many",), "many/0/ask")
