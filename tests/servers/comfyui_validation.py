"""Whether a graph may be queued: the bodies of 400 and the `node_errors` of 200."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.servers.comfyui_folders import OutsideError
from tests.servers.comfyui_nodes import NODE_CLASSES, Input, choices_of

Graph = dict[str, Any]
Problem = dict[str, Any]

CONVERSIONS: dict[str, Callable[[Any], Any]] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


@dataclass(slots=True)
class Checked:
    """`outputs` will run; without any, `error` is the body's."""

    outputs: list[str] = field(default_factory=list)
    node_errors: dict[str, Any] = field(default_factory=dict)
    error: Problem | None = None


@dataclass(slots=True)
class Surroundings:
    lists: dict[str, list[str]]
    file_exists: Callable[[str], bool]
    tells_missing_nodes: bool


def check(graph: Graph, targets: list[str] | None, around: Surroundings) -> Checked:
    if not isinstance(graph, dict):
        raise TypeError("the prompt is no object")
    for node_id, node in graph.items():
        if error := _missing_class(node_id, node, around):
            return Checked(error=error)
    outputs = [key for key in graph if NODE_CLASSES[graph[key]["class_type"]].is_output]
    wanted = [key for key in outputs if targets is None or key in targets]
    if not wanted:
        return Checked(error=problem("prompt_no_outputs", "Prompt has no outputs"))
    validation = _Validation(graph, around)
    good = [output for output in wanted if validation.is_good(output, ())]
    node_errors = {key: validation.told(key, wanted) for key in validation.problems}
    if good:
        return Checked(good, node_errors)
    own = [p for output in wanted for p in validation.problems.get(output, [])]
    details = "\n".join(f"{p['message']}: {p['details']}" for p in own)
    error = problem("prompt_outputs_failed_validation", "Prompt outputs failed validation", details)
    return Checked([], node_errors, error)


def problem(kind: str, message: str, details: str = "", **extra: Any) -> Problem:
    return {"type": kind, "message": message, "details": details, "extra_info": extra}


def _missing_class(node_id: str, node: Any, around: Surroundings) -> Problem | None:
    name = node.get("class_type")
    if name in NODE_CLASSES:
        return None
    where = f"Node ID '#{node_id}'"
    if not around.tells_missing_nodes:
        told = f"Cannot execute because node {name} does not exist."
        return problem("invalid_prompt", told, where)
    if name is None:
        told = f"Node 'ID #{node_id}' has no class_type. The workflow may be corrupted or a custom node is missing."
    else:
        told = f"Node '{name}' not found. The custom node may not be installed."
    title = node.get("_meta", {}).get("title", name)
    return problem("missing_node_type", told, where, node_id=node_id, class_type=name, node_title=title)


class _Validation:
    def __init__(self, graph: Graph, around: Surroundings) -> None:
        self.graph = graph
        self.around = around
        self.problems: dict[str, list[Problem]] = {}
        self.known: dict[str, bool] = {}

    def is_good(self, node_id: str, path: tuple[str, ...]) -> bool:
        if node_id not in self.known:
            try:
                self.known[node_id] = self._is_good(node_id, (*path, node_id))
            except (KeyError, IndexError, TypeError) as error:
                self._add(node_id, _exception(error, "Exception when validating node", is_inner=bool(path)))
                self.known[node_id] = False
        return self.known[node_id]

    def told(self, node_id: str, outputs: list[str]) -> dict[str, Any]:
        return {
            "errors": self.problems[node_id],
            "dependent_outputs": [output for output in outputs if node_id in self._above(output, set())],
            "class_type": self.graph[node_id]["class_type"],
        }

    def _is_good(self, node_id: str, path: tuple[str, ...]) -> bool:
        inputs = self.graph[node_id]["inputs"]
        is_good = True
        for name, wanted in NODE_CLASSES[self.graph[node_id]["class_type"]].inputs.items():
            found = self._problem(inputs, name, wanted, path)
            if isinstance(found, dict):
                self._add(node_id, found)
            is_good = is_good and found is None
        return is_good

    def _problem(self, inputs: dict[str, Any], name: str, wanted: Input, path: tuple[str, ...]) -> Problem | str | None:
        """What is wrong here; a mere sentence where the problem is the linked node's."""
        if name not in inputs:
            return problem("required_input_missing", "Required input is missing", name, input_name=name)
        if isinstance(inputs[name], list):
            return self._problem_of_link(inputs[name], name, wanted, path)
        return self._problem_of_value(inputs, name, wanted)

    def _problem_of_link(
        self, link: list[Any], name: str, wanted: Input, path: tuple[str, ...]
    ) -> Problem | str | None:
        if len(link) != 2:
            told = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            return problem("bad_linked_input", told, name, input_name=name, received_value=link)
        source, slot = link
        received = NODE_CLASSES[self.graph[source]["class_type"]].outputs[slot]
        if received != wanted.kind:
            told = f"{name}, received_type({received}) mismatch input_type({wanted.kind})"
            extra = {"input_name": name, "received_type": received, "linked_node": link}
            return problem("return_type_mismatch", "Return type mismatch between linked nodes", told, **extra)
        if source in path:
            self._add(source, self._cycle([*path[path.index(source) :], source]))
            self.known[source] = False
            return "the graph runs in a circle"
        return None if self.is_good(source, path) else "the linked node is at fault"

    def _problem_of_value(self, inputs: dict[str, Any], name: str, wanted: Input) -> Problem | None:
        value = inputs[name]
        if convert := CONVERSIONS.get(wanted.kind):
            try:
                inputs[name] = value = convert(value)
            except (ValueError, TypeError) as error:
                told = f"Failed to convert an input value to a {wanted.kind} value"
                extra = {"input_name": name, "received_value": value, "exception_message": str(error)}
                return problem("invalid_input_type", told, f"{name}, {value}, {error}", **extra)
        return self._problem_of_range(value, name, wanted)

    def _problem_of_range(self, value: Any, name: str, wanted: Input) -> Problem | None:
        extra = {"input_name": name, "received_value": value}
        if wanted.low is not None and value < wanted.low:
            return problem("value_smaller_than_min", f"Value {value} smaller than min of {wanted.low}", name, **extra)
        if wanted.high is not None and value > wanted.high:
            return problem("value_bigger_than_max", f"Value {value} bigger than max of {wanted.high}", name, **extra)
        if wanted.choices == "input":
            told = f"{name} - Invalid image file: {value}"
            wrong = problem("custom_validation_failed", "Custom validation failed for node", told, **extra)
            return None if self._is_file(value) else wrong
        if wanted.kind == "COMBO" and value not in (choices := choices_of(wanted, self.around.lists)):
            return problem("value_not_in_list", "Value not in list", f"{name}: {value!r} not in {choices}", **extra)
        return None

    def _is_file(self, name: str) -> bool:
        try:
            return self.around.file_exists(name)
        except OutsideError:
            return False

    def _cycle(self, path: list[str]) -> Problem:
        told = " -> ".join(f"{key} ({self.graph[key]['class_type']})" for key in path)
        return problem("dependency_cycle", "Dependency cycle detected", told, cycle_nodes=path)

    def _add(self, node_id: str, found: Problem) -> None:
        self.problems.setdefault(node_id, []).append(found)

    def _above(self, node_id: str, seen: set[str]) -> set[str]:
        """The node and all it is made of."""
        if node_id in self.graph and node_id not in seen:
            seen.add(node_id)
            for value in self.graph[node_id].get("inputs", {}).values():
                if isinstance(value, list) and value:
                    self._above(value[0], seen)
        return seen


def _exception(error: Exception, told: str, *, is_inner: bool) -> Problem:
    extra = {"exception_type": type(error).__name__, "traceback": ['  File "execution.py", line 1, in validate\n']}
    if is_inner:
        return problem("exception_during_inner_validation", "Exception when validating inner node", str(error), **extra)
    return problem("exception_during_validation", told, str(error), **extra)
