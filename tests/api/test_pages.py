"""Lists come in pages, newest first, that stay as they are while items are added."""

from typing import Any

import pytest

from tests.api.asking import add_asset, told
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASSETS = """query($first: Int, $after: String) { project { assets(first: $first, after: $after) {
  totalCount nodes { label } edges { cursor node { label } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
} } }"""


async def _page(client: Client, **variables: Any) -> dict[str, Any]:
    page: dict[str, Any] = (await client.ask(ASSETS, **variables))["project"]["assets"]
    return page


def _labels(page: dict[str, Any]) -> list[str]:
    assert [edge["node"] for edge in page["edges"]] == page["nodes"]
    return [node["label"] for node in page["nodes"]]


async def test_25_items_come_in_three_pages_though_more_are_added(client: Client) -> None:
    for number in range(25):
        await add_asset(client, str(number))
    found, after, more = [], None, True
    while more:
        page = await _page(client, first=10, after=after)
        found.append(_labels(page))
        info = page["pageInfo"]
        assert (info["startCursor"], info["endCursor"]) == (page["edges"][0]["cursor"], page["edges"][-1]["cursor"])
        assert info["hasPreviousPage"] is (after is not None)
        more, after = info["hasNextPage"], info["endCursor"]
        await add_asset(client, "new")
    assert [label for labels in found for label in labels] == [str(number) for number in range(24, -1, -1)]
    assert [len(labels) for labels in found] == [10, 10, 5]
    assert page["totalCount"] == 27


async def test_an_explicit_null_means_the_default(client: Client) -> None:
    for number in range(21):
        await add_asset(client, str(number))
    assert len(_labels(await _page(client, first=None, after=None))) == 20
    answer = await client.ask("{ project { images(first: null, includeDeleted: null) { totalCount } } }")
    assert answer["project"]["images"]["totalCount"] == 0


async def test_an_empty_page_has_no_cursors(client: Client) -> None:
    page = await _page(client)
    assert (page["totalCount"], page["nodes"]) == (0, [])
    nothing = {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert page["pageInfo"] == nothing


async def test_a_wrong_size_or_cursor_is_an_error_of_its_field(client: Client) -> None:
    for variables, field in (
        ({"first": 0}, "first"),
        ({"first": -1}, "first"),
        ({"first": 101}, "first"),
        ({"after": ""}, "after"),
        ({"after": "x"}, "after"),
        ({"after": "é"}, "after"),
        ({"after": "A" * 9_999}, "after"),
    ):
        answer = await client.post(ASSETS, **variables)
        assert told(answer) == (200, "VALIDATION_ERROR")
        assert answer.json()["errors"][0]["extensions"]["field"] == field


async def test_a_variable_of_another_type_is_refused_before_anything_runs(client: Client) -> None:
    values: list[Any] = ["x", 1.5, True, [1], {}, 2**40]
    for wrong in values:
        assert told(await client.post(ASSETS, first=wrong)) == (200, "GRAPHQL_VALIDATION_FAILED")
