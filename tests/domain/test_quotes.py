"""What the providers in use ask for a node's work."""

from decimal import Decimal

import pytest

from domain.kinds import KINDS
from domain.offers import Offers
from domain.providers import Recovery, Terms


def _terms(price: str) -> Terms:
    return Terms(provider="p", model="m", price=Decimal(price), recovery=Recovery.REPEATABLE)


OFFERS = Offers(image=_terms("0.042"), text=_terms("0.001"))


@pytest.mark.parametrize(
    ("kind", "config", "price"),
    [
        ("generate_image", {}, "0.042"),
        ("generate_image", {"count": 4}, "0.168"),
        ("edit_image", {"count": 2}, "0.084"),
        ("enhance", {}, "0.001"),
        ("generate_text", {"instructions": "Shorter"}, "0.001"),
        ("transform_image", {"format": "jpeg"}, "0"),
        ("human_review", {"title": "Look"}, "0"),
        ("input", {"name": "words"}, "0"),
    ],
)
def test_a_node_costs_what_its_provider_asks_for_its_units(kind: str, config: dict[str, object], price: str) -> None:
    assert OFFERS.price(KINDS[kind], config) == Decimal(price)
