"""Entities as the JSON that events carry."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.plain import camel_case, decimal_string, payload_of, plain, rfc3339


@pytest.mark.parametrize(
    ("name", "written"),
    [("id", "id"), ("created_at", "createdAt"), ("steps_total", "stepsTotal"), ("api_key_id", "apiKeyId")],
)
def test_names_are_written_in_camel_case(name: str, written: str) -> None:
    assert camel_case(name) == written


@given(st.lists(st.from_regex(r"[a-z]+", fullmatch=True), min_size=1))
def test_camel_case_can_be_taken_apart_again(words: list[str]) -> None:
    written = camel_case("_".join(words))
    assert "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in written) == "_".join(words)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "0"), ("0E-6", "0"), ("0.000000", "0"), ("1E+3", "1000"), ("100", "100"), ("100.00", "100"),
        ("0.0420", "0.042"), ("-1.50", "-1.5"), ("1E-6", "0.000001"), ("2345678901234.000001", "2345678901234.000001"),
    ],
)  # fmt: skip
def test_amounts_have_no_exponent_and_no_needless_zeros(amount: str, text: str) -> None:
    assert decimal_string(Decimal(amount)) == text


@given(st.decimals(min_value=0, max_value=10**14, places=6))
def test_an_amount_is_read_back_as_what_it_was(amount: Decimal) -> None:
    assert Decimal(decimal_string(amount)) == amount


def test_moments_are_utc_with_milliseconds() -> None:
    assert rfc3339(datetime(2026, 1, 31, 12, tzinfo=UTC)) == "2026-01-31T12:00:00.000Z"
    east = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 1, 31, 1, 2, 3, 456789, tzinfo=east)) == "2026-01-30T23:02:03.456Z"


@dataclass
class Inner:
    some_cost: Decimal


@dataclass
class Outer:
    made_at: datetime
    inner_parts: tuple[Inner, ...]
    raw_json: dict[str, Any]


OUTER = Outer(datetime(2026, 1, 31, tzinfo=UTC), (Inner(Decimal("0.10")),), {"snake_key": [1]})


def test_entities_are_written_field_by_field_and_json_is_left_alone() -> None:
    assert plain(OUTER) == {
        "madeAt": "2026-01-31T00:00:00.000Z",
        "innerParts": [{"someCost": "0.1"}],
        "rawJson": {"snake_key": [1]},
    }


def test_a_payload_has_just_the_named_fields() -> None:
    assert payload_of(OUTER, ("inner_parts",)) == {"innerParts": [{"someCost": "0.1"}]}
