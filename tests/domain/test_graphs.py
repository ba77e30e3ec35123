"""What can be wrong with a graph, and that all of it is found at once."""

import pytest

from domain.errors import DomainError, ErrorCode
from domain.graphs import Edge, Graph, Node
from domain.kinds.kind import MOST_CONFIG_PROBLEMS
from domain.problems import MOST_EDGES, Problem, problems, require_valid
from tests.domain.building import chain, edge, graph, node, picture_graph


def codes(wrong: list[Problem]) -> list[str]:
    return [problem.code for problem in wrong]


def only_problem(of: Graph) -> Problem:
    (problem,) = problems(of)
    return problem


def test_a_graph_that_can_run_has_no_problems() -> None:
    assert problems(picture_graph(aspectRatio="16:9", count=4)) == []


def test_an_edge_may_name_its_ports() -> None:
    links = ("prompt.value > picture.prompt", "picture.images > image.value")
    assert problems(Graph(picture_graph().nodes, tuple(map(edge, links)))) == []


@pytest.mark.parametrize("id_", ["", "Prompt", "1st", "a.b", "a b", "a" * 65, "a\n", "é", "a\x00"])
def test_an_id_of_another_form_is_named(id_: str) -> None:
    problem = only_problem(graph(node(id_, "input", name="words")))
    assert (problem.code, problem.node_id) == ("INVALID_ID", id_)


def test_two_nodes_of_one_id_are_named_once() -> None:
    problem = only_problem(graph(node("a", "input", name="one"), node("a", "input", name="two")))
    assert (problem.code, problem.node_id) == ("DUPLICATE_ID", "a")
    assert "2 nodes" in problem.message


def test_two_inputs_of_one_name_are_refused() -> None:
    problem = only_problem(graph(node("a", "input", name="words"), node("b", "input", name="words")))
    assert problem.code == "DUPLICATE_INPUT"
    assert "'words'" in problem.message


def test_inputs_without_a_name_are_not_called_alike() -> None:
    assert codes(problems(graph(node("a", "input"), node("b", "input")))) == ["INVALID_CONFIG", "INVALID_CONFIG"]


def test_an_unknown_kind_is_told_with_those_that_are_known() -> None:
    problem = only_problem(graph(node("a", "paint")))
    assert (problem.code, problem.node_id) == ("UNKNOWN_KIND", "a")
    assert "generate_image" in problem.message


def test_an_edge_of_a_node_of_unknown_kind_is_not_a_second_problem() -> None:
    found = problems(graph(node("a", "paint"), node("b", "paint"), edges=("a > b",)))
    assert codes(found) == ["UNKNOWN_KIND", "UNKNOWN_KIND"]


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("nobody > image", "there is no node 'nobody'"),
        ("prompt > nobody", "there is no node 'nobody'"),
        ("prompt.words > image", "has no output 'words'; it has: value"),
        ("prompt > image.words", "has no input 'words'; it has: value"),
        ("prompt > prompt", "has no input '(any)'; it has: none"),
    ],
)
def test_an_edge_that_leads_nowhere_is_named(link: str, said: str) -> None:
    nodes = (node("prompt", "input", name="prompt"), node("image", "output"))
    found = problems(graph(*nodes, edges=("prompt > image", link)))
    code = "UNKNOWN_NODE" if "there is no node" in said else "UNKNOWN_PORT"
    assert [(problem.code, problem.edge) for problem in found] == [(code, edge(link))]
    assert said in found[0].message


def test_a_picture_is_no_text() -> None:
    nodes = (*picture_graph().nodes, node("richer", "enhance"))
    found = problems(graph(*nodes, edges=("prompt > picture", "picture > image", "picture > richer")))
    assert [(problem.code, problem.edge) for problem in found] == [("TYPE_MISMATCH", edge("picture > richer"))]
    assert "picture gives image, but richer takes text" in found[0].message


def test_a_list_of_pictures_is_no_text_either() -> None:
    nodes = (*picture_graph().nodes, node("richer", "enhance"))
    found = problems(graph(*nodes, edges=("prompt > picture", "picture > image", "picture.images > richer")))
    assert "picture.images gives a list of image" in found[0].message


def test_a_port_for_one_value_takes_one_edge() -> None:
    nodes = (*picture_graph().nodes, node("other", "input", name="other"))
    problem = only_problem(graph(*nodes, edges=("prompt > picture", "other > picture.prompt", "picture > image")))
    assert (problem.code, problem.node_id) == ("PORT_TAKEN", "picture")
    assert "2 edges lead to 'picture.prompt'" in problem.message


def test_what_a_node_needs_must_come_from_somewhere() -> None:
    problem = only_problem(graph(node("image", "output")))
    assert (problem.code, problem.node_id) == ("MISSING_INPUT", "image")


def test_an_input_that_is_not_required_may_stay_open() -> None:
    assert problems(graph(node("words", "prompt", template="A kite"))) == []


@pytest.mark.parametrize("links", [("a > a",), ("a > b", "b > a"), ("a > b", "b > c", "c > a")])
def test_nodes_that_wait_for_each_other_are_named(links: tuple[str, ...]) -> None:
    nodes = (node(id_, "prompt", template="{{text}}") for id_ in ("a", "b", "c")[: len(links)])
    problem = only_problem(graph(*nodes, edges=links))
    assert (problem.code, problem.node_id) == ("CYCLE", problem.message.rpartition(" ")[2])
    assert problem.message.count("→") == len(links)


def test_what_waits_for_a_circle_is_never_reached() -> None:
    nodes = (node(id_, "prompt", template="{{text}}") for id_ in ("a", "b", "behind"))
    found = problems(graph(*nodes, edges=("a > b", "b > a", "b > behind")))
    assert [(problem.code, problem.node_id) for problem in found][1:] == [("UNREACHABLE", "behind")]


def test_a_node_that_nothing_joins_to_the_others_is_named() -> None:
    alone = node("alone", "prompt", template="x")
    problem = only_problem(graph(*picture_graph().nodes, alone, edges=("prompt > picture", "picture > image")))
    assert (problem.code, problem.node_id) == ("UNREACHABLE", "alone")


@pytest.mark.parametrize(
    ("config", "path"),
    [
        ({"count": 9}, "config.count: "),
        ({"count": "two"}, "config.count: "),
        ({"aspectRatio": "5:3"}, "config.aspectRatio: "),
        ({"seed": -1}, "config.seed: "),
        ({"seed": 2**40}, "config.seed: "),
        ({"steps": 30}, "config: "),
    ],
)
def test_a_setting_that_is_wrong_is_told_with_its_path(config: dict[str, object], path: str) -> None:
    problem = only_problem(picture_graph(**config))
    assert (problem.code, problem.node_id) == ("INVALID_CONFIG", "picture")
    assert problem.message.startswith(path)


@pytest.mark.parametrize("config", [[], [1], "", "x", 0, 1, False, True, 1.5])
@pytest.mark.parametrize("kind", ["input", "prompt", "generate_image"])
def test_settings_must_be_an_object(config: object, kind: str) -> None:
    found = problems(graph(Node(id="a", kind=kind, config=config)))  # type: ignore[arg-type] # as clients may send it
    assert ("INVALID_CONFIG", "config must be a JSON object") in [(one.code, one.message) for one in found]


@pytest.mark.parametrize("label", ["", "  ", "x" * 201, "a\x00b", "\ud800"])
def test_a_label_is_a_name(label: str) -> None:
    problem = only_problem(Graph((Node(id="a", kind="input", label=label, config={"name": "words"}),), ()))
    assert (problem.code, problem.node_id) == ("INVALID_LABEL", "a")


def test_everything_wrong_is_found_at_once() -> None:
    nodes = (node("Bad", "input", name="x"), node("a", "paint"), node("b", "prompt"), node("c", "output"))
    found = problems(graph(*nodes, edges=("b > b", "nobody > c")))
    assert sorted(codes(found)) == [
        "CYCLE", "INVALID_CONFIG", "INVALID_ID", "MISSING_INPUT", "UNKNOWN_KIND", "UNKNOWN_NODE", "UNREACHABLE",
    ]  # fmt: skip


def test_a_graph_that_cannot_run_is_refused_with_all_its_problems() -> None:
    with pytest.raises(DomainError) as refused:
        require_valid(graph(node("a", "paint"), node("b", "output")))
    assert refused.value.code is ErrorCode.WORKFLOW_INVALID
    assert [problem["nodeId"] for problem in refused.value.details["problems"]] == ["a", "b"]
    assert "(and 1 more" in refused.value.message


def test_at_most_a_hundred_problems_are_sent() -> None:
    with pytest.raises(DomainError) as refused:
        require_valid(graph(*(node(f"n{number}", "paint") for number in range(500))))
    assert len(refused.value.details["problems"]) == 100
    assert "(and 499 more" in refused.value.message


def test_a_thousand_nodes_are_a_workflow() -> None:
    assert problems(chain(1_000)) == []


@pytest.mark.parametrize("length", [0, 1_001, 10_000])
def test_a_graph_of_another_size_is_refused_unread(length: int) -> None:
    nodes = tuple(node(f"n{number}", "paint") for number in range(length))
    assert codes(problems(Graph(nodes, ()))) == ["SIZE"]


def test_too_many_edges_are_refused_unread() -> None:
    assert codes(problems(Graph(picture_graph().nodes, (Edge(source="a", target="b"),) * (MOST_EDGES + 1)))) == ["SIZE"]


def test_one_node_cannot_flood_the_answer() -> None:
    template = "".join(f"{{{{n{number}}}}}" for number in range(1_500))
    inputs = (node(f"i{number}", "input", name=f"name{number}") for number in range(500))
    found = problems(graph(node("a", "prompt", template=template), *inputs))
    assert len(found) == MOST_CONFIG_PROBLEMS
    assert max(len(problem.message) for problem in found) < 1_000


def test_links_know_which_nodes_come_before_and_after() -> None:
    found = picture_graph()
    assert found.predecessors == {"prompt": set(), "picture": {"prompt"}, "image": {"picture"}}
    assert found.successors == {"prompt": {"picture"}, "picture": {"image"}, "image": set()}
