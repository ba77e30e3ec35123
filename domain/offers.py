"""What the providers in use ask for their work."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.kinds.kind import NodeKind
from domain.providers import Terms


@dataclass(frozen=True, slots=True)
class Offers:
    """The terms of the providers in use; no `graph` where no ComfyUI is connected."""

    image: Terms
    text: Terms
    graph: Terms | None = None

    @property
    def all(self) -> tuple[Terms, ...]:
        return (self.image, self.text, self.graph) if self.graph else (self.image, self.text)

    @property
    def providers(self) -> set[str]:
        return {terms.provider for terms in self.all}

    @property
    def are_free(self) -> bool:
        return not any(terms.price for terms in self.all)

    def of(self, kind: NodeKind) -> Terms | None:
        """Whom a node of this kind asks; None where it asks nobody."""
        match kind.calls:
            case "image":
                return self.image
            case "text":
                return self.text
            case "graph":
                return self.graph
            case None:
                return None

    def price(self, kind: NodeKind, config: dict[str, Any]) -> Decimal:
        """Credits for one execution of a node of this kind with this config."""
        terms = self.of(kind)
        return terms.price * kind.units(config) if terms else Decimal(0)
