"""Each way in which a ComfyUI server misbehaves, and what comes of it."""

import pytest

from domain.errors import ErrorCode
from domain.providers import ProviderError
from providers.comfyui import ComfyUI
from tests.providers.comfyui_asking import OUTPUT, SAMPLER, Call, asking, tell
from tests.servers.comfyui_behaviours import BEHAVIOURS
from tests.servers.comfyui_process import ComfyUIProcess

# What still makes the picture, how many prompts were accepted, and how many ids of ours it took.
OVERCOME = {
    "ok": (1, 1),
    "slow:0.3": (1, 1),
    "500-but-queued": (1, 1),
    "lost-answer": (1, 1),
    "no-history": (1, 1),
    "vanish": (2, 1),
    "wrong-file": (2, 2),
    "half-file": (2, 2),
}
# What fails: code, whether trying again can help, and words of its sentence.
FAILED = {
    "error:KSampler": (ErrorCode.PROVIDER_FAILED, False, f"Node {SAMPLER} (KSampler) failed: RuntimeError: told to"),
    "oom": (ErrorCode.PROVIDER_FAILED, True, f"Node {SAMPLER} (KSampler) ran out of memory"),
    "blocked": (ErrorCode.PROVIDER_FAILED, False, f"Node {OUTPUT} (SaveImage) left no picture"),
    f"invalid:{SAMPLER}": (ErrorCode.PROVIDER_REFUSED, False, f"Node {SAMPLER} (KSampler): "),
    "dropped-output": (ErrorCode.PROVIDER_REFUSED, False, f"Node {OUTPUT} (SaveImage): "),
    "not-an-image": (ErrorCode.PROVIDER_FAILED, False, "not a picture"),
    "huge-file": (ErrorCode.PROVIDER_FAILED, False, "more than 100 MiB"),
}
# What a test elsewhere is about: what the server does depends on what is done to it.
ELSEWHERE = {"hold", "success-after-interrupt"}


@pytest.mark.parametrize("behaviour", OVERCOME)
async def test_what_can_be_overcome_is(comfyui: ComfyUI, comfyui_server: ComfyUIProcess, behaviour: str) -> None:
    await comfyui_server.script(behaviour)
    call = Call()
    answer = await call.made_by(comfyui)
    assert len(answer.pictures) == 1
    assert call.progress == sorted(set(call.progress))
    assert (len(await comfyui_server.prompts()), len(call.noted)) == OVERCOME[behaviour]
    assert len(await comfyui_server.executed(at_least=1)) <= len(call.noted)


@pytest.mark.parametrize("behaviour", FAILED)
async def test_what_cannot_is_told_in_a_sentence(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess, behaviour: str
) -> None:
    await comfyui_server.script(behaviour)
    error = await Call().failure(comfyui)
    code, retryable, words = FAILED[behaviour]
    assert (error.code, error.retryable, error.outcome_unknown) == (code, retryable, False)
    assert words in error.message
    assert not [hidden for hidden in ("Traceback", "/srv", ".py", "127.0.0.1") if hidden in error.message]
    assert len((await Call().made_by(comfyui)).pictures) == 1


def test_every_behaviour_has_a_row() -> None:
    assert {name.partition(":")[0] for name in [*OVERCOME, *FAILED, *ELSEWHERE]} == set(BEHAVIOURS)


async def test_what_was_dropped_in_part_is_not_run_in_part(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.busy_with(1)
    await comfyui_server.script("dropped-output")
    await Call().failure(comfyui)
    await comfyui_server.release()
    await Call().made_by(comfyui)
    prompts = [prompt["prompt_id"] for prompt in await comfyui_server.prompts()]
    assert prompts[0] not in await comfyui_server.executed()


async def test_a_prompt_that_is_lost_every_time_is_given_up(comfyui: ComfyUI, comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("vanish", "vanish", "vanish", "vanish")
    error = await Call().failure(comfyui)
    assert (error.retryable, "does not keep the work" in error.message) == (True, True)
    assert len(await comfyui_server.prompts()) == 3


async def test_files_that_are_missing_every_time_fail_the_call(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.script("wrong-file", "wrong-file")
    error = await Call().failure(comfyui)
    assert (error.retryable, "output folder" in error.message) == (True, True)


async def test_a_call_that_takes_too_long_stops_its_prompt(comfyui_server: ComfyUIProcess) -> None:
    await comfyui_server.script("hold")
    async with asking(comfyui_server.url, longest_seconds=0.5) as provider:
        call = Call()
        error = await call.failure(provider)
    assert (error.code, error.retryable) == (ErrorCode.PROVIDER_TIMEOUT, True)
    assert await comfyui_server.interrupted(at_least=1) == call.prompt_ids


async def test_an_interruption_by_somebody_else_may_be_tried_again(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.script("hold")
    call = Call()
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    await tell(comfyui_server, "/interrupt")
    with pytest.raises(ProviderError, match="interrupted at the ComfyUI server") as caught:
        await task
    assert caught.value.retryable


async def test_a_prompt_that_somebody_takes_out_of_the_queue_is_put_back(
    comfyui: ComfyUI, comfyui_server: ComfyUIProcess
) -> None:
    await comfyui_server.busy_with(1)
    call = Call()
    task = call.begin(comfyui)
    await comfyui_server.prompts(at_least=1)
    await tell(comfyui_server, "/queue", delete=call.prompt_ids)
    await comfyui_server.prompts(at_least=2)
    await comfyui_server.release()
    assert len((await task).pictures) == 1
    assert len(call.noted) == 1
