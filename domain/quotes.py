"""What a run would cost, before it is started."""

from dataclasses import dataclass
from decimal import Decimal

from domain.graphs import Graph
from domain.kinds import KINDS
from domain.kinds.kind import NodeKind


@dataclass(frozen=True, slots=True)
class Prices:
    """Credits for one picture and for one text, of the providers in use."""

    image: Decimal
    text: Decimal

    def of(self, kind: NodeKind, config: dict[str, object]) -> Decimal:
        """Credits for one execution of a node of this kind with this config."""
        if kind.calls is None:
            return Decimal(0)
        return (self.image if kind.calls == "image" else self.text) * kind.units(config)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeQuote:
    node_id: str
    cost: Decimal
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    total: Decimal
    nodes: list[NodeQuote]


def quote(graph: Graph, prices: Prices) -> Quote:
    """The most the run can cost, node by node, in credits."""
    nodes = [NodeQuote(node_id=node.id, cost=prices.of(KINDS[node.kind], node.settings)) for node in graph.nodes]
    return Quote(total=sum((node.cost for node in nodes), Decimal(0)), nodes=nodes)
