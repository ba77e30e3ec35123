"""Streams over Valkey: its death costs a delay and nothing else."""

from app.parts import Parts
from tests.servers.valkey_process import ValkeyProcess
from tests.streams.following import EVENTS_OF_A_CANCELED_RUN, after_each, canceled_run, following
from tests.studio import tenant


async def test_killed_and_started_again_it_loses_and_repeats_nothing(over_valkey: Parts, valkey: ValkeyProcess) -> None:
    one = await tenant(over_valkey)
    async with following(over_valkey, {one.project_id: None}) as listener:
        await canceled_run(one)
        await listener.has(7)
        valkey.kill()
        await canceled_run(one)
        await listener.has(14)
        valkey.start()
        await canceled_run(one)
        whole = list(await listener.has(21))
    assert listener.events == EVENTS_OF_A_CANCELED_RUN * 3
    for place, rest in enumerate(await after_each(over_valkey, one.project_id, [d.cursor for d in whole], 21), 1):
        assert [*whole[:place], *rest] == whole


async def test_who_comes_while_it_is_away_hears_it_when_it_is_back(over_valkey: Parts, valkey: ValkeyProcess) -> None:
    one = await tenant(over_valkey)
    valkey.kill()
    async with following(over_valkey, {one.project_id: None}) as listener:
        await canceled_run(one)
        await listener.has(7)
        valkey.start()
        await canceled_run(one)
        await listener.has(14)
    assert listener.events == EVENTS_OF_A_CANCELED_RUN * 2
