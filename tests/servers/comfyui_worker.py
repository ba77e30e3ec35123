"""The one worker: takes a prompt, runs its nodes, says so on the socket, and writes history, in that order."""

import asyncio

from tests.servers.comfyui_execution import Ended, Execution, Interrupted
from tests.servers.comfyui_queue import Item
from tests.servers.comfyui_state import ComfyState

# History follows the last news by so much: whoever asks at once still finds nothing, as recorded.
HISTORY_LAG_SECONDS = 0.005


def start_worker(state: ComfyState) -> None:
    """In place of the one there was. What it did not foresee is for the log, not for a test to wait for in vain."""
    state.worker = asyncio.create_task(_work(state))
    state.worker.add_done_callback(lambda task: task.cancelled() or task.result())


async def _work(state: ComfyState) -> None:
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
    await asyncio.sleep(_lag_seconds(item))  # history is written late, as a real one's
    state.queue.finish(item, execution.news.entry(is_success=ending == "executed"))
    state.hub.current = (item.client_id, None)
    state.tell_status()
    if item.client_id is not None:
        execution.news.tell("executing", {"node": None, "prompt_id": item.prompt_id})
    if ending:
        await state.note(ending, item.prompt_id)


async def _ending(execution: Execution) -> str:
    """The list the prompt ends in, none for a failure; the last news about it has then been told."""
    try:
        await execution.run()
    except Ended as end:
        is_interrupted = isinstance(end, Interrupted)
        execution.news.tell_lasting("execution_interrupted" if is_interrupted else "execution_error", end.told)
        return "interrupted" if is_interrupted else ""
    execution.news.tell_lasting("execution_success", {})
    return "executed"


def _lag_seconds(item: Item) -> float:
    return item.behaviour.seconds if item.behaviour.name == "no-history" else HISTORY_LAG_SECONDS
