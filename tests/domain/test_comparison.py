"""What changed from one version of a workflow to another."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from domain.comparison import LONGEST_KEY, LONGEST_PATH, MOST_CONFIG_CHANGES, Comparison, ConfigChange, NodePart
from domain.graphs import Graph, Node, Position
from domain.ids import new_id
from domain.plain import JSON_DEPTH
from domain.workflows import WorkflowVersion
from tests.domain.building import ANY_JSON, edge, graph, node, picture_graph

MOMENT = datetime(2026, 8, 1, tzinfo=UTC)


def version(of: Graph) -> WorkflowVersion:
    ids = {name: new_id() for name in ("organization_id", "project_id", "workflow_id")}
    made = {"name": "Hero", "version": 1, "created_at": MOMENT, "created_by": "k"}
    return WorkflowVersion(nodes=of.nodes, edges=of.edges, **ids, **made)  # type: ignore[arg-type]


def compared(before: Graph, after: Graph) -> Comparison:
    return Comparison(version(before), version(after))


def settings_changed(before: Any, after: Any) -> list[ConfigChange]:
    """What is told of a node whose settings were the one, then the other."""
    found = compared(*(graph(Node(id="a", kind="input", config=config)) for config in (before, after)))
    return found.nodes_changed[0].config if found.nodes_changed else []


def test_a_graph_does_not_differ_from_itself() -> None:
    same = compared(picture_graph(count=2), picture_graph(count=2))
    assert not any((same.nodes_added, same.nodes_removed, same.nodes_changed, same.edges_added, same.edges_removed))


def test_nodes_and_edges_that_come_and_go_are_told() -> None:
    before = graph(node("a", "input"), node("b", "output"), edges=("a > b",))
    after = graph(node("a", "input"), node("c", "output"), edges=("a > c",))
    found = compared(before, after)
    assert ([one.id for one in found.nodes_added], [one.id for one in found.nodes_removed]) == (["c"], ["b"])
    assert (found.edges_added, found.edges_removed) == ([edge("a > c")], [edge("a > b")])
    assert found.nodes_changed == []


def test_one_of_two_like_edges_that_goes_is_told_once() -> None:
    ends = (node("a", "input"), node("b", "output"))
    found = compared(graph(*ends, edges=("a > b", "a > b")), graph(*ends, edges=("a > b",)))
    assert (found.edges_added, found.edges_removed) == ([], [edge("a > b")])


def test_another_order_is_no_change() -> None:
    whole = picture_graph()
    found = compared(whole, Graph(whole.nodes[::-1], whole.edges[::-1]))
    assert not any((found.nodes_added, found.nodes_removed, found.nodes_changed, found.edges_added))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"kind": "output"}, NodePart.KIND),
        ({"label": "Words"}, NodePart.LABEL),
        ({"config": {"name": "words"}}, NodePart.CONFIG),
        ({"position": Position(1.0, 2.0)}, NodePart.POSITION),
    ],
)
def test_each_part_of_a_node_that_changed_is_named(change: dict[str, Any], part: NodePart) -> None:
    was = Node(id="a", kind="input")
    (changed,) = compared(graph(was), graph(replace(was, **change))).nodes_changed
    assert (changed.node_id, changed.parts) == ("a", [part])
    assert changed.after == replace(changed.before, **change)


def test_all_parts_that_changed_are_named_together() -> None:
    (changed,) = compared(
        graph(node("a", "input", name="words")),
        graph(Node(id="a", kind="output", label="End", position=Position(0.0, 0.0))),
    ).nodes_changed
    assert changed.parts == list(NodePart)


def test_no_settings_are_empty_settings() -> None:
    assert settings_changed(None, {}) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({"count": 1}, {"count": 2}, ("count", 1, 2)),
        ({}, {"count": 2}, ("count", None, 2)),
        ({"count": 1}, {}, ("count", 1, None)),
        ({}, {"default": None}, ("default", None, None)),
        ({"default": True}, {"default": 1}, ("default", True, 1)),
        ({"default": {"sky": {"blue": 1}}}, {"default": {"sky": {"blue": 2}}}, ("default.sky.blue", 1, 2)),
        ({"default": {"sky": 1}}, {"default": [1]}, ("default", {"sky": 1}, [1])),
        ({"items": ["a", "b"]}, {"items": ["a", "c"]}, ("items.1", "b", "c")),
        ({"items": ["a", "b"]}, {"items": ["b"]}, ("items", ["a", "b"], ["b"])),
        ({"nodes": [{"config": {"count": 1}}]}, {"nodes": [{"config": {"count": 2}}]}, ("nodes.0.config.count", 1, 2)),
    ],
)
def test_a_setting_is_told_with_its_path(before: Any, after: Any, told: tuple[str, Any, Any]) -> None:
    assert settings_changed(before, after) == [ConfigChange(*told)]


@pytest.mark.parametrize("after", [{"count": 1.0, "sky": [1]}, {"sky": [1.0], "count": 1}])
def test_numbers_are_compared_by_value_and_keys_without_order(after: Any) -> None:
    assert settings_changed({"count": 1, "sky": [1]}, after) == []


@pytest.mark.parametrize("key", ["", "a.b", "x" * (LONGEST_KEY + 1)])
def test_an_object_whose_keys_make_no_path_is_told_as_a_whole(key: str) -> None:
    before, after = {"default": {key: 1, "sky": 1}}, {"default": {key: 2, "sky": 1}}
    assert settings_changed(before, after) == [ConfigChange("default", before["default"], after["default"])]


def test_a_path_never_grows_long() -> None:
    before, after = 1, 2
    for _ in range(JSON_DEPTH):
        before, after = {"x" * LONGEST_KEY: before}, {"x" * LONGEST_KEY: after}  # type: ignore[assignment]
    (change,) = settings_changed(before, after)
    assert len(change.path) <= LONGEST_PATH + LONGEST_KEY + 1
    assert change.before != change.after


def test_at_most_a_hundred_settings_of_a_node_are_told() -> None:
    found = settings_changed({"items": [0] * 1_000}, {"items": [1] * 1_000})
    assert [change.path for change in found] == [f"items.{place}" for place in range(MOST_CONFIG_CHANGES)]


@given(ANY_JSON, ANY_JSON)
def test_any_two_settings_are_told_the_same_both_ways(before: Any, after: Any) -> None:
    there = settings_changed({"default": before}, {"default": after})
    back = settings_changed({"default": after}, {"default": before})
    assert {(one.path, repr(one.before)) for one in there} == {(one.path, repr(one.after)) for one in back}
