"""The one worker: takes a prompt, runs its nodes, says so on the socket, and writes history, in that order."""

import asyncio
from typing import Any

from tests.servers.comfyui_behaviours import HISTORY_LATE_SECONDS
from tests.servers.comfyui_execution import Execution, Failed, Interrupted
from tests.servers.comfyui_queue import Item
from tests.servers.comfyui_sockets import Message
from tests.servers.comfyui_state import ComfyState

# History follows the last news by so much: whoever asks at once still finds nothing, as recorded.
HISTORY_LAG_SECONDS = 0.005


async def work(state: ComfyState) -> None:
    while True:
        item = await state.queue.take()
        state.tell_status()
        if item.behaviour.name == "vanish":
            state.queue.finish(item, None)
            state.tell_status()
        else:
            await _run(state, item)


async def _run(state: ComfyState, item: Item) -> None:
    execution = Execution(state, item)
    ending = await _ending(execution)
    await asyncio.sleep(_lag_seconds(item))
    state.queue.finish(item, _entry(execution, is_success=ending == "executed"))
    state.hub.current = (item.client_id, None)
    state.tell_status()
    if item.client_id is not None:
        state.hub.tell(Message("executing", {"node": None, "prompt_id": item.prompt_id}), item.client_id)
    if ending:
        await state.note(ending, item.prompt_id)


async def _ending(execution: Execution) -> str:
    """The list the prompt ends in; the last news about it has then been told."""
    try:
        await execution.run()
    except Interrupted as interruption:
        execution.tell_lasting("execution_interrupted", interruption.told)
        return "interrupted"
    except Failed as failure:
        execution.tell_lasting("execution_error", failure.told)
        return ""
    execution.tell_lasting("execution_success", {"prompt_id": execution.item.prompt_id})
    return "executed"


def _lag_seconds(item: Item) -> float:
    if item.behaviour.name != "no-history":
        return HISTORY_LAG_SECONDS
    return float(item.behaviour.argument or HISTORY_LATE_SECONDS)


def _entry(execution: Execution, *, is_success: bool) -> dict[str, Any]:
    return {
        "prompt": execution.item.recorded(),
        "outputs": {node_id: output for node_id, output in execution.outputs.items() if output},
        "status": {
            "status_str": "success" if is_success else "error",
            "completed": is_success,
            "messages": execution.messages,
        },
        "meta": {
            node_id: {"node_id": node_id, "display_node": node_id, "parent_node": None, "real_node_id": node_id}
            for node_id, output in execution.outputs.items()
            if output
        },
    }
