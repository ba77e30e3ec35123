"""What a run would cost, before it is started."""

from dataclasses import dataclass
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import cast

from domain.caching import earlier_result
from domain.errors import DomainError
from domain.graphs import Graph
from domain.kinds import KINDS
from domain.kinds.kind import StepResult, Toolbox, Work
from domain.planning import Place, steps_of
from domain.ports import Transaction
from domain.providers import Call
from domain.runs import Run
from domain.steps import Step

_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeQuote:
    """`cached` says that an earlier result would be used."""

    node_id: str
    cost: Decimal
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    total: Decimal
    nodes: list[NodeQuote]


async def quote_of(tx: Transaction, run: Run, graph: Graph, done: dict[str, Step]) -> Quote:
    """
    The most that the run can cost, node by node, beyond what is `done` in the run that it repeats.

    What was made before is free, as far as it can be foreseen: up to the first node whose result is new. The copies of
    a `map` are not counted, as nobody knows how many there will be.
    """
    place = Place(organization_id=run.organization_id, project_id=run.project_id, run_id=run.id)
    steps = {step.node_id: step for step in steps_of(graph, place)}
    foreseen: dict[str, Step] = {}
    quotes: dict[str, NodeQuote] = {}
    for name in TopologicalSorter(graph.predecessors).static_order():
        if name in done:
            foreseen[name] = done[name]
            quotes[name] = NodeQuote(node_id=name, cost=_NOTHING, cached=True)
        else:
            quotes[name] = await _quoted(tx, run, steps[name], foreseen)
    nodes = [quotes[node.id] for node in graph.nodes]
    return Quote(total=sum((node.cost for node in nodes), _NOTHING), nodes=nodes)


async def _quoted(tx: Transaction, run: Run, step: Step, foreseen: dict[str, Step]) -> NodeQuote:
    """What the step would cost; where its outputs are known it is foreseen for those behind it."""
    kind = KINDS[step.kind]
    price = tx.offers.price(kind, step.config)
    if any(source.node_id not in foreseen for source in step.sources):
        return NodeQuote(node_id=step.node_id, cost=price)
    if not step.take_inputs(foreseen):
        foreseen[step.node_id] = step  # it will be skipped
        return NodeQuote(node_id=step.node_id, cost=_NOTHING)
    if kind.pure:
        await _foresee(run, step, foreseen)
    elif earlier := await earlier_result(tx, run, step, tx.offers.of(kind)):
        step.outputs = earlier.outputs
        foreseen[step.node_id] = step
        return NodeQuote(node_id=step.node_id, cost=_NOTHING, cached=True)
    return NodeQuote(node_id=step.node_id, cost=price)


async def _foresee(run: Run, step: Step, foreseen: dict[str, Step]) -> None:
    """A node that will fail is no reason not to start the run."""
    try:
        result = cast("StepResult", await KINDS[step.kind].run(_work(run, step)))
    except DomainError:
        return
    step.outputs = result.outputs
    foreseen[step.node_id] = step


def _work(run: Run, step: Step) -> Work:
    """What a pure kind looks at."""
    return Work(
        organization_id=run.organization_id,
        project_id=run.project_id,
        run_id=run.id,
        step_id=step.id,
        config=step.config,
        inputs=step.inputs,
        given=run.inputs,
        prompts=run.prompts,
        seed=run.seed,
        call=Call(),
        toolbox=cast("Toolbox", None),
        report=lambda _: None,
    )
