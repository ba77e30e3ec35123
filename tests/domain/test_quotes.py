"""What a run would cost."""

from decimal import Decimal

from domain.providers import Recovery, Terms
from domain.quotes import Offers, quote
from tests.domain.building import graph, node, picture_graph


def _terms(price: str) -> Terms:
    return Terms(provider="p", model="m", price=Decimal(price), recovery=Recovery.REPEATABLE)


OFFERS = Offers(image=_terms("0.042"), text=_terms("0.001"))


def test_a_quote_adds_up_what_each_node_costs() -> None:
    found = quote(graph(*picture_graph(count=4).nodes, node("richer", "enhance")), OFFERS)
    costs = {one.node_id: one.cost for one in found.nodes}
    assert costs == {"prompt": 0, "picture": Decimal("0.168"), "image": 0, "richer": Decimal("0.001")}
    assert found.total == Decimal("0.169")


def test_what_calls_no_provider_is_free() -> None:
    assert quote(graph(node("words", "input", name="words")), OFFERS).total == Decimal(0)


def test_one_picture_is_made_where_no_number_is_said() -> None:
    assert quote(picture_graph(), OFFERS).total == OFFERS.image.price
