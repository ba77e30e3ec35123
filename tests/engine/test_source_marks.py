"""Generated pictures say in their files what made them, unless the project does not want it."""

from hashlib import sha256

from app.parts import Parts
from domain.images import Image
from domain.pictures import DigitalSource
from domain.projects import UpdateProject
from providers.marks import mark_of
from tests.engine.crew import a_worker, a_workflow, edges, images_of, node, run_of, start, work_off
from tests.studio import Tenant, tenant


async def drawn(owner: Tenant) -> list[bytes]:
    """The bytes of a picture that was drawn, and of another cut from it."""
    nodes = [
        node("ask", "input", name="prompt"),
        node("draw", "generate_image"),
        node("cut", "transform_image", width=64, height=32, format="jpeg"),
        node("show", "output"),
    ]
    workflow = await a_workflow(owner, nodes, edges("ask>draw", "draw>cut", "cut>show"))
    run = await start(owner, workflow, prompt="A red kite")
    await work_off(owner.parts, a_worker(owner.parts))
    assert (await run_of(owner, run)).status == "SUCCEEDED"
    return [await owner.parts.objects.get(image.object_key) for image in await images_of(owner, run)]


async def test_a_drawn_picture_says_that_an_algorithm_made_it_and_so_does_a_part_of_it(parts: Parts) -> None:
    made = await drawn(await tenant(parts))
    assert [mark_of(data) for data in made] == [DigitalSource.ALGORITHM] * 2


async def test_a_picture_of_a_model_says_so(paying: Tenant) -> None:
    made = await drawn(paying)
    assert [mark_of(data) for data in made] == [DigitalSource.MODEL] * 2


async def test_a_project_that_wants_no_mark_gets_none(parts: Parts) -> None:
    owner = await tenant(parts)
    await owner.do(UpdateProject(id=owner.project_id, settings={"featureFlags": {"source-mark": False}}))
    assert [mark_of(data) for data in await drawn(owner)] == [None, None]


async def test_what_is_told_of_a_picture_is_true_of_its_marked_bytes(parts: Parts) -> None:
    owner = await tenant(parts)
    await drawn(owner)
    for image in await owner.parts.studio.reads.many(Image, owner.actor, project_id=owner.project_id):
        data = await owner.parts.objects.get(image.object_key)
        assert (image.file_size, image.file_hash) == (len(data), sha256(data).hexdigest())
