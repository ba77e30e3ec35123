"""A storm: what kills and pauses the parts of a studio while people work in it."""

import asyncio
import signal
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import httpx2
from websockets.exceptions import WebSocketException

from app.cli.live import Live
from app.seed import DevelopmentKey
from domain.errors import DomainError
from tests.engine.maps import inner, subgraph
from tests.faults.callers import LIMIT_SECONDS, POLL_SECONDS, Caller, Told, told, until
from tests.faults.processes import Home, Process
from tests.servers.postgres_process import PostgresProcess
from tests.servers.valkey_process import ValkeyProcess
from tests.studio import GraphQLFailure

LEASE_SECONDS = 2
WORKERS = 3
CALM_SECONDS = (1.0, 3.0)
AWAY_SECONDS = (0.0, 1.0)
PAUSED_SECONDS = (1.5 * LEASE_SECONDS, 2.5 * LEASE_SECONDS)
EVENTS_PER_CONNECTION = (50, 500)

ENDS = {"run.completed", "run.failed", "run.canceled"}
STREAM = """
subscription($channels: [ChannelInput!]!, $after: String) {
  stream(channels: $channels, after: $after) { cursor event payload }
}
"""
WORKFLOW = "mutation($input: CreateWorkflowInput!) { createWorkflow(input: $input) { workflow { id } } }"
START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }"
FORM = "query($id: ID!) { node(id: $id) { ... on RunStep { form { token } } } }"
SUBMIT = "mutation($input: SubmitStepInput!) { submitStep(input: $input) { run { id } } }"


@dataclass(slots=True, kw_only=True)
class Storm:
    """The engines, the workers that are up, and what has struck them so far."""

    home: Home
    postgres: PostgresProcess
    valkey: ValkeyProcess
    chance: Random
    processes: ExitStack
    workers: list[Process] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    aftermath: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)

    async def rage(self, calm: asyncio.Event) -> None:
        """A blow every few seconds until told to be calm; afterwards all that was struck is up again."""
        async with self.aftermath:
            while not calm.is_set():
                for blow in self.chance.sample(BLOWS, len(BLOWS)):
                    if not await _within(calm, self.chance.uniform(*CALM_SECONDS)):
                        self.struck[blow.__name__] += 1
                        await blow(self)

    @property
    def has_struck_everything(self) -> bool:
        return len(self.struck) == len(set(BLOWS))

    async def hire(self) -> None:
        """One more worker; one that could not begin, as while the database is away, is started again."""
        while True:
            worker = self.processes.enter_context(self.home.started("worker"))
            with suppress(AssertionError):
                await asyncio.to_thread(worker.await_line, "Easel works: ")
                self.workers.append(worker)
                return

    def victim(self) -> Process:
        return self.workers.pop(self.chance.randrange(len(self.workers)))

    async def wait(self, seconds: tuple[float, float]) -> None:
        await asyncio.sleep(self.chance.uniform(*seconds))


async def _within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await event.wait()
    return False


async def kill_worker(storm: Storm) -> None:
    if storm.workers:
        storm.victim().kill()
        storm.aftermath.create_task(storm.hire())


async def pause_worker(storm: Storm) -> None:
    """For longer than its lease lasts: it comes back and does not know that it was away."""

    async def wake() -> None:
        await storm.wait(PAUSED_SECONDS)
        worker.send(signal.SIGCONT)
        storm.workers.append(worker)

    if storm.workers:
        worker = storm.victim()
        worker.send(signal.SIGSTOP)
        storm.aftermath.create_task(wake())


async def restart_postgres(storm: Storm) -> None:
    await _restart(storm, storm.postgres)


async def restart_valkey(storm: Storm) -> None:
    await _restart(storm, storm.valkey)


async def _restart(storm: Storm, engine: PostgresProcess | ValkeyProcess) -> None:
    await asyncio.to_thread(engine.kill)
    await storm.wait(AWAY_SECONDS)
    await asyncio.to_thread(engine.start)


# In each round of the storm, in some order.
BLOWS: list[Callable[[Storm], Coroutine[Any, Any, None]]] = [
    *2 * [kill_worker, pause_worker],
    restart_postgres,
    restart_valkey,
]


@dataclass(slots=True)
class Follower:
    """Follows a project as people do who lose their connection now and then: each time it goes on from its cursor."""

    key: DevelopmentKey
    chance: Random = field(default_factory=partial(Random, 0))
    cursor: str | None = None
    heard: list[Told] = field(default_factory=list)
    connections: int = 0
    ended: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    asked: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def follow(self) -> None:
        while True:
            with suppress(OSError, WebSocketException, DomainError, TimeoutError):
                async with Live(self.key.url, self.key.apiKey) as live:
                    self.connections += 1
                    await self._listen(live, self.chance.randint(*EVENTS_PER_CONNECTION))
            await asyncio.sleep(POLL_SECONDS)

    async def _listen(self, live: Live, most: int) -> None:
        async for update in live.watch(STREAM, channels=[{"name": "RUNS"}], after=self.cursor):
            self._take(update["stream"])
            most -= 1
            if not most:
                live._socket.transport.abort()

    async def until_heard(self, last: Told) -> None:
        """Returns when it heard this too; of what it does not hear in time, what it did hear tells."""

        async def newest() -> Told:
            return self.heard[-1]

        await until(newest, lambda heard: heard == last)

    def _take(self, event: dict[str, Any]) -> None:
        self.cursor = event["cursor"]
        self.heard.append(told(event))
        if event["event"] in ENDS:
            self.ended[event["payload"]["id"]].set()
        elif event["event"] == "step.waiting":
            self.asked.put_nowait(event["payload"]["id"])


ASK = inner("ask", "input", name="prompt")
SHOW = inner("show", "output")
SAY = inner("say", "prompt", template="{{each}} of {{prompt}}")
COPY = subgraph(
    [inner("each", "input", name="each", type="json"), SAY, inner("said", "output")], "each>say", "say>said"
)

# By name, the nodes and links of each.
WORKFLOWS: dict[str, dict[str, Any]] = {
    "a chain with a picture": subgraph(
        [
            ASK,
            inner("place", "prompt", template="{{text}} in the reeds"),
            inner("light", "prompt", template="{{text}}, at dawn"),
            inner("draw", "generate_image", aspectRatio="21:9"),
            SHOW,
        ],
        "ask>place",
        "place>light",
        "light>draw",
        "draw>show",
    ),
    "a map of four": subgraph(
        [
            ASK,
            inner("four", "input", name="four", type="json", default=[1, 2, 3, 4]),
            inner("many", "map", **COPY),
            SHOW,
        ],
        "four>many.each",
        "many.said>show",
    ),
    "a condition": subgraph(
        [
            ASK,
            inner("one", "condition", operator="contains", operand="1"),
            inner("yes", "output"),
            inner("no", "prompt", template="Not {{text}}"),
            SHOW,
        ],
        "ask>one",
        "one.then>yes",
        "one.else>no",
        "no>show",
    ),
    "a review": subgraph(
        [ASK, inner("look", "human_review", title="Look"), inner("say", "prompt", template="Seen: {{text}}"), SHOW],
        "ask>look.text",
        "look.text>say",
        "say>show",
    ),
}


@dataclass(slots=True, kw_only=True)
class People:
    """Those who start runs, wait for them to end, and say what they are asked. What is not answered they say again."""

    caller: Caller
    follower: Follower
    chance: Random = field(default_factory=partial(Random, 0))
    workflow_ids: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)

    async def make_workflows(self) -> None:
        for name, graph in WORKFLOWS.items():
            project = {"projectId": self.caller.key.projectId, "name": name}
            made = await self.ask(WORKFLOW, input={**project, **graph})
            self.workflow_ids.append(made["createWorkflow"]["workflow"]["id"])

    async def start(self, number: int) -> str:
        """The run of this number, under the same name however often it is asked for."""
        words = {"workflowId": self.workflow_ids[number % len(WORKFLOWS)], "inputs": {"prompt": f"Heron {number // 8}"}}
        named = {**words, "clientMutationId": f"run number {number:>6}"}
        made = await self.ask(START, input=named)
        self.accepted.append(made["startRun"]["run"]["id"])
        return self.accepted[-1]

    async def work(self, numbers: Iterator[int]) -> None:
        """One run after the other. Of one that does not end the tables tell more than a wait would."""
        for number in numbers:
            run_id = await self.start(number)
            await _within(self.follower.ended[run_id], LIMIT_SECONDS)

    async def answer(self) -> None:
        """What is asked, for ever; some of it twice at once."""
        while True:
            step_id = await self.follower.asked.get()
            form = (await self.ask(FORM, id=step_id))["node"]["form"]
            said = {"stepId": step_id, "token": form["token"], "decision": "approve"}
            await asyncio.gather(*(self.ask(SUBMIT, input=said) for _ in range(self.chance.choice([1, 2]))))

    async def ask(self, query: str, **variables: Any) -> Any:
        """The answer; what is refused as the studio is away, or gets no answer at all, is sent again."""
        async with asyncio.timeout(LIMIT_SECONDS):
            while True:
                with suppress(httpx2.HTTPError):
                    try:
                        return await self.caller.ask(query, **variables)
                    except GraphQLFailure as failure:
                        if failure.code != "UNAVAILABLE":
                            raise
                await asyncio.sleep(POLL_SECONDS)
