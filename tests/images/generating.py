"""Images asked for over GraphQL, and what became of them."""

from typing import Any

from sqlalchemy import text

from app.parts import Parts
from tests.engine.crew import until
from tests.studio import Client

IMAGE = "id alias fileHash storageKey storageUrl cdnUrl version meta flow { id } generation { id }"
GENERATION = f"""
  id status prompt originalPrompt autoEnhance template aspectRatio flowId
  flow {{ id aliases {{ alias image {{ id }} }} }}
  outputImage {{ {IMAGE} }} referenceImages {{ id }} processingTimeMs
  cost retryCount errorMessage meta version deletedAt
"""
READ = f"query($id: ID!) {{ generation(id: $id) {{ {GENERATION} }} }}"


async def change(client: Client, field: str, kind: str, answer: str, **input_: Any) -> Any:
    query = f"mutation($input: {kind}Input!) {{ {field}(input: $input) {{ {answer} }} }}"
    return (await client.ask(query, input=input_))[field]


async def create(client: Client, prompt: str = "A red kite over the sea", **more: Any) -> dict[str, Any]:
    """As it is answered at once."""
    made = await change(
        client, "createGeneration", "CreateGeneration", f"generation {{ {GENERATION} }}", prompt=prompt, **more
    )
    generation: dict[str, Any] = made["generation"]
    return generation


async def visited_before(parts: Parts, times: int) -> None:
    """Somebody on this machine has had so many images generated just now, somewhere else."""
    query = "INSERT INTO live_visits SELECT gen_random_uuid(), '127.0.0.1', gen_random_uuid(), now()"
    async with parts.engine.begin() as connection:
        await connection.execute(text(f"{query} FROM generate_series(1, :times)"), {"times": times})


async def read(client: Client, id: str) -> dict[str, Any]:
    generation: dict[str, Any] = (await client.ask(READ, id=id))["generation"]
    return generation


async def ended(client: Client, id: str) -> dict[str, Any]:
    """As it is at its end."""

    async def is_over() -> bool:
        return (await read(client, id))["status"] in {"SUCCESS", "FAILED"}

    await until(is_over)
    return await read(client, id)


async def made(client: Client, prompt: str = "A red kite over the sea", **more: Any) -> dict[str, Any]:
    """A generation that is done."""
    generation = await ended(client, (await create(client, prompt, **more))["id"])
    assert generation["status"] == "SUCCESS", generation
    return generation
