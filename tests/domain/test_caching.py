"""When two steps are the same one, and when they are not."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.caching import cache_key, same
from domain.ids import new_id
from domain.kinds.kind import OF_WORK
from domain.providers import Recovery, Terms
from domain.steps import Step
from tests.domain.building import step

TERMS = Terms(provider="openai", model="one", price=Decimal(1), recovery=Recovery.NEITHER)


def drawing(node_id: str = "draw", kind: str = "generate_image", **more: Any) -> Step:
    return step(node_id, kind, **{"config": {"count": 2}, "inputs": {"prompt": "A kite"}, **more})


def test_the_same_step_of_another_run_is_the_same() -> None:
    assert cache_key(drawing(), TERMS) == cache_key(drawing(given={"each": 1}, priority=9, label="Draw"), TERMS)


@pytest.mark.parametrize(
    "other",
    [
        drawing(node_id="paint"),
        drawing(node_id="many/0/draw"),
        drawing(kind="edit_image"),
        drawing(config={"count": 3}),
        drawing(config={"count": 2, "seed": 1}),
        drawing(config={}),
        drawing(inputs={"prompt": "a kite"}),
        drawing(inputs={"prompt": "A kite", "images": []}),
        drawing(inputs={"prompt": ["A kite"]}),
        drawing(inputs={}),
    ],
)
def test_another_node_other_settings_or_other_inputs_are_another(other: Step) -> None:
    assert cache_key(other, TERMS) != cache_key(drawing(), TERMS)


@pytest.mark.parametrize("terms", [None, replace(TERMS, model="two"), replace(TERMS, provider="sketch")])
def test_so_is_another_model(terms: Terms | None) -> None:
    assert cache_key(drawing(), terms) != cache_key(drawing(), TERMS)


def test_a_price_makes_no_difference() -> None:
    assert cache_key(drawing(), replace(TERMS, price=Decimal(9))) == cache_key(drawing(), TERMS)


@pytest.mark.parametrize("name", OF_WORK)
def test_how_it_is_worked_at_makes_no_difference(name: str) -> None:
    assert cache_key(drawing(config={"count": 2, name: 1}), TERMS) == cache_key(drawing(), TERMS)


def test_other_bytes_of_an_image_make_another() -> None:
    id_ = new_id()
    one, other = ({"image": {"imageId": id_, "fileHash": hash_}} for hash_ in ("0", "1"))
    keys = {cache_key(drawing(kind="transform_image", inputs=inputs), None) for inputs in (one, other)}
    assert len(keys) == 2


def test_the_order_of_names_makes_no_difference() -> None:
    one, other = ({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 2, "c": 1}, "a": 1})
    assert cache_key(drawing(config=one), TERMS) == cache_key(drawing(config=other), TERMS)


def test_the_order_of_names_is_no_difference_between_values() -> None:
    assert same({"a": 1, "b": [2]}, {"b": [2], "a": 1})


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (0, False), (0, None), ([], {}), ("1", 1), ({"a": 1}, {"a": True})]
)
def test_values_that_json_tells_apart_are_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)
