"""A run as it is watched: now, then at each change, until it is over."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from domain.permissions import Actor
from domain.runs import Run
from storage.reads import Reads
from streams.feeds import Hub


async def states_of(run: Run, hub: Hub, reads: Reads, actor: Actor) -> AsyncGenerator[Run, None]:
    """The run now, then at each change; states may be skipped, the last one never."""
    async with hub.follow([run.project_id], {}) as follower:
        yield (run := await reads.one(Run, actor, id=run.id) or run)
        batches = follower.batches()
        while not run.is_finished:
            batch, history_is_gone = await anext(batches)
            if batch:
                follower.positions[run.project_id] = batch[-1].seq
            if history_is_gone or any(envelope.event.run_id == run.id for envelope in batch):
                yield (run := await reads.one(Run, actor, id=run.id) or run)


async def end_of(run: Run, hub: Hub, reads: Reads, actor: Actor) -> Run:
    """The run once it is over."""
    async with aclosing(states_of(run, hub, reads, actor)) as states:
        async for state in states:
            run = state
    return run
