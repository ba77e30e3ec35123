"""What a run would cost, before it is started."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.graphs import Graph
from domain.kinds import KINDS
from domain.kinds.kind import NodeKind
from domain.providers import Terms


@dataclass(frozen=True, slots=True)
class Offers:
    """The terms of the providers in use."""

    image: Terms
    text: Terms

    def of(self, kind: NodeKind) -> Terms | None:
        """Whom a node of this kind asks; None where it asks nobody."""
        match kind.calls:
            case "image":
                return self.image
            case "text":
                return self.text
            case None:
                return None

    def price(self, kind: NodeKind, config: dict[str, Any]) -> Decimal:
        """Credits for one execution of a node of this kind with this config."""
        terms = self.of(kind)
        return terms.price * kind.units(config) if terms else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeQuote:
    node_id: str
    cost: Decimal
    cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    total: Decimal
    nodes: list[NodeQuote]


def quote(graph: Graph, offers: Offers) -> Quote:
    """The most the run can cost, node by node, in credits."""
    nodes = [NodeQuote(node_id=node.id, cost=offers.price(KINDS[node.kind], node.settings)) for node in graph.nodes]
    return Quote(total=sum((node.cost for node in nodes), Decimal(0)), nodes=nodes)
