"""The AsyncAPI document as others fetch, read and check it."""

import jsonschema_rs
import pytest

from app.asyncapi import MEDIA_TYPE, asyncapi_document, asyncapi_text
from tests.protocols.reference import Clients
from tests.studio import Client

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]  # the first start fetches packages


async def test_the_document_that_is_served_is_asyncapi_to_its_authors_letter(client: Client, clients: Clients) -> None:
    async with clients.running("asyncapi", url=f"{client.url}/asyncapi.yaml") as seen:
        await seen.to_the_end()
    url = client.parts.studio.public_url
    assert seen.of("type") == [MEDIA_TYPE]
    assert seen.of("text") == [asyncapi_text(url)]
    assert seen.of("document") == [asyncapi_document(url)] * 2  # as readers of YAML 1.1 and of 1.2 have it
    jsonschema_rs.validator_for(seen.of("schema")[0]).validate(asyncapi_document(url))


async def test_no_key_is_needed_to_read_it(client: Client) -> None:
    answer = await client.http.get("/asyncapi.yaml", headers={"X-API-Key": ""})
    assert answer.status_code == 200
