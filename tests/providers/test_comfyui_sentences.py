"""What is told of ComfyUI's failures: node, class, input and reason, and nothing of the server's insides."""

from typing import Any

import pytest

from providers.comfyui.failures import LONGEST_MESSAGE, node_failed, refused

GRAPH = {"4": {"class_type": "CheckpointLoaderSimple", "inputs": {}}, "9": {"class_type": "SaveImage", "inputs": {}}}


def refusal(node: str, **error: Any) -> dict[str, Any]:
    body = {"message": "It is wrong", "details": "", "extra_info": {}} | error
    return {"error": {}, "node_errors": {node: {"errors": [body], "class_type": "Other", "dependent_outputs": []}}}


def whole(message: str, details: str = "", **extra: Any) -> dict[str, Any]:
    return {"error": {"message": message, "details": details, "extra_info": extra}, "node_errors": {}}


_UNKNOWN = "Node 'Nope' not found. The custom node may not be installed."
_TRACEBACK = {"exception_type": "KeyError", "traceback": ['File "/srv/comfyui/execution.py", line 1']}

REFUSALS = {
    "value-not-in-list": (
        refusal(
            "4",
            message="Value not in list",
            details="ckpt_name: 'x.safetensors' not in ['a', 'b']",
            extra_info={"input_name": "ckpt_name", "received_value": "x.safetensors"},
        ),
        "Node 4 (CheckpointLoaderSimple): ckpt_name: Value not in list: 'x.safetensors'",
    ),
    "value-too-big": (
        refusal("9", message="Value 99 bigger than max of 9", extra_info={"input_name": "w", "received_value": 99}),
        "Node 9 (SaveImage): w: Value 99 bigger than max of 9",
    ),
    "input-missing": (
        refusal("9", message="Required input is missing", details="images", extra_info={"input_name": "images"}),
        "Node 9 (SaveImage): images: Required input is missing",
    ),
    "linked-to-nothing": (
        refusal("9", message="Exception when validating node", details="'17'", extra_info=_TRACEBACK),
        "Node 9 (SaveImage): Exception when validating node: '17'",
    ),
    "custom": (
        refusal("4", message="Custom validation failed for node", details="image - Invalid image file: nofile.png"),
        "Node 4 (CheckpointLoaderSimple): Custom validation failed for node: image - Invalid image file: nofile.png",
    ),
    "unknown-class": (whole(_UNKNOWN, "Node ID '#1'", node_id="1", class_type="Nope"), f"Node 1 (Nope): {_UNKNOWN}"),
    "unknown-class-in-old-servers": (
        whole("Cannot execute because node Nope does not exist.", "Node ID '#1'"),
        "Cannot execute because node Nope does not exist. (Node ID '#1')",
    ),
    "no-outputs": (whole("Prompt has no outputs"), "Prompt has no outputs"),
    "unknown-node": (refusal("77"), "Node 77 (Other): It is wrong"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_node_input_and_reason(name: str) -> None:
    body, sentence = REFUSALS[name]
    assert refused(body, GRAPH).message == f"ComfyUI does not take the graph: {sentence}"


def test_every_node_at_fault_is_named() -> None:
    body = refusal("4")
    body["node_errors"] |= refusal("9")["node_errors"]
    message = refused(body, GRAPH).message
    assert "Node 4 (CheckpointLoaderSimple): It is wrong; Node 9 (SaveImage): It is wrong" in message


def test_a_thousand_faults_are_no_longer_a_message() -> None:
    nodes = {str(number): refusal("4")["node_errors"]["4"] for number in range(1000)}
    assert len(refused({"node_errors": nodes}, GRAPH).message) == LONGEST_MESSAGE


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("No such file: '/home/studio/My Models/x.safetensors'", "No such file: 'x.safetensors'"),
        ("No such file: /home/studio/My Models/x.safetensors", "No such file: x.safetensors"),
        (r"No such file: 'C:\ComfyUI\models\x.safetensors'", "No such file: 'x.safetensors'"),
        (r"No such file: \\nas\share\x.safetensors", "No such file: x.safetensors"),
        ("Not in list: 'labo/x.safetensors'", "Not in list: 'labo/x.safetensors'"),
        ("Sizes 4 / 2 and 1/3 / 5 differ", "Sizes 4 / 2 and 1/3 / 5 differ"),
        ("First line\nFile '/srv/x.py', line 3", "First line"),
        ("Bell \x07 and \x1b[31mred", "Bell and [31mred"),
    ],
)
def test_of_what_a_node_said_the_first_line_is_told_without_folders(said: str, told: str) -> None:
    details = {"node_id": "5", "node_type": "KSampler", "exception_type": "OSError", "exception_message": said}
    assert node_failed(details).message == f"Node 5 (KSampler) failed: OSError: {told}"


@pytest.mark.parametrize(
    ("kind", "said", "retryable"),
    [
        ("torch.OutOfMemoryError", "Allocation on device", True),
        ("torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2 GiB", True),
        ("RuntimeError", "[enforce fail] DefaultCPUAllocator: can't allocate memory", True),
        ("ValueError", "boom", False),
    ],
)
def test_want_of_memory_may_pass(kind: str, said: str, *, retryable: bool) -> None:
    failure = node_failed({"node_id": "5", "exception_type": kind, "exception_message": said})
    assert failure.retryable is retryable
