"""Lists of `/api/v1`: their pages, what is refused, and how few statements they take."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from tests.api_v1.calling import a_flow, call, get, picture, told
from tests.contract.studio_rows import statements
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTS = ["/generations", "/flows", "/images", "/live/scopes"]


async def test_a_list_comes_in_pages_newest_first(client: Client) -> None:
    ids = [(await a_flow(client))["id"] for _ in range(5)]
    pages = [await get(client, "/flows", limit=2, offset=offset) for offset in (0, 2, 4, 6)]
    assert [[flow["id"] for flow in page["data"]] for page in pages] == [ids[:2:-1], ids[2:0:-1], ids[:1], []]
    assert [page["pagination"] for page in pages] == [
        {"limit": 2, "offset": 0, "total": 5, "hasMore": True},
        {"limit": 2, "offset": 2, "total": 5, "hasMore": True},
        {"limit": 2, "offset": 4, "total": 5, "hasMore": False},
        {"limit": 2, "offset": 6, "total": 5, "hasMore": False},
    ]


@pytest.mark.parametrize("path", LISTS)
async def test_a_list_of_nothing_is_a_list(client: Client, path: str) -> None:
    assert await get(client, path) == {
        "data": [],
        "pagination": {"limit": 20, "offset": 0, "total": 0, "hasMore": False},
    }


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    *((path, {"limit": limit}, "limit") for path in LISTS for limit in ("0", "101", "-1")),
    *(("/images", {"limit": limit}, "limit") for limit in ("", "ten", "1.5", "\uff11\uff10", "9" * 5_000)),
    *(("/images", {"offset": offset}, "offset") for offset in ("-1", "x", "1000000001", "9" * 40, " 1")),
    *(("/images", {"includeDeleted": value}, "includeDeleted") for value in ("1", "", "yes", "TRUE")),
    *(("/images", {"flowId": value}, "flowId") for value in ("x", "", "null", "\x00")),
    *(("/images", {"source": value}, "source") for value in ("GENERATED", "painted", "")),
    *(("/generations", {"status": value}, "status") for value in ("done", "SUCCESS", "pending,failed")),
    ("/images", {"limit": ["1", "2"]}, "limit"),
    ("/images", {"status": "success"}, "status"),
    ("/images", {"projectId": "x"}, "projectId"),
    ("/flows", {"includeDeleted": "true"}, "includeDeleted"),
    ("/generations", {"alias": "@hero"}, "alias"),
]


async def test_what_a_list_does_not_know_is_refused_by_name(client: Client, subtests: pytest.Subtests) -> None:
    for path, query, field in REFUSED:
        with subtests.test(path, query=str(query)[:80]):
            assert told(await call(client, "GET", path, **query)) == (400, "VALIDATION_ERROR", field)


async def test_an_offset_beyond_the_end_costs_nothing(client: Client) -> None:
    await a_flow(client)
    with statements(client.parts.engine) as sent:
        await get(client, "/flows", offset=1_000_000_000)
    assert not [statement for statement, _ in sent if "OFFSET" in statement]


@pytest.mark.parametrize(("path", "most"), [("/flows", 5), ("/images", 3), ("/generations", 4)])
async def test_a_page_takes_as_many_statements_as_one_row(client: Client, path: str, most: int) -> None:
    async def statements_of_a_page() -> list[str]:
        with statements(client.parts.engine) as sent:
            await get(client, path)
        # Keys are looked up once in a while, and a clock of the server's own looks for announcements.
        others = ("api_keys", "announcements")
        selects = [statement for statement, _ in sent if statement.startswith("SELECT")]
        return [statement for statement in selects if not any(name in statement for name in others)]

    image = await picture(client)
    await a_flow(client, hero=image)
    await _a_generation_of(client, image)
    of_one = await statements_of_a_page()
    for _ in range(9):
        await a_flow(client, hero=image)
        await _a_generation_of(client, image)
    await asyncio.gather(*(picture(client) for _ in range(3)))
    of_many = await statements_of_a_page()
    assert len(of_one) == len(of_many) <= most, of_many


async def _a_generation_of(client: Client, image_id: str) -> None:
    """A row that has made this image, from itself."""
    statement = """
        INSERT INTO generations (id, organization_id, project_id, prompt, original_prompt, auto_enhance, aspect_ratio,
            status, output_image_id, reference_image_ids, is_counted, retry_count, began_at, meta, version,
            created_at, updated_at)
        SELECT gen_random_uuid(), organization_id, project_id, 'x', 'x', false, '1:1', 'SUCCESS', id, ARRAY[id],
            false, 0, now(), '{}', 1, now(), now() FROM images WHERE id = :id
    """
    async with client.parts.engine.begin() as connection:
        await connection.execute(text(statement), {"id": image_id})
