"""A store that is full, or goes away amid an upload: no row without bytes, no bytes without a row, no half object."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.parts import Parts, open_parts
from app.settings import Settings
from domain.errors import DomainError, ErrorCode
from domain.image_uploads import ImageUpload
from domain.images import Image
from domain.uploading import UploadImage
from storage.discarded import remove_discarded
from storage.objects.files import FileObjects
from tests.servers.narrow_link import narrow_link
from tests.servers.s3_process import start_s3_server
from tests.studio import Tenant, tenant
from tests.uploads.conftest import on_s3
from tests.uploads.sending import PICTURE, keys_in, known_keys, noise, pass_time, settled

BIG = noise(900)  # more than two megabytes
pytestmark = pytest.mark.parametrize("settings", ["files"], indirect=True)


async def bring(one: Tenant, data: bytes = PICTURE) -> Image:
    command = UploadImage(project_id=one.project_id, sent_hash="0" * 64)
    return await one.parts.studio.uploads.upload(one.actor, command, data)


async def refused(one: Tenant, data: bytes = PICTURE) -> ErrorCode:
    with pytest.raises(DomainError) as caught:
        await bring(one, data)
    return caught.value.code


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    (tmp_path / "disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path / "disk")]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    try:
        yield tmp_path / "disk"
    finally:
        subprocess.run(["umount", str(tmp_path / "disk")], check=True)


async def test_a_full_disk_leaves_nothing_and_takes_what_fits(parts: Parts, small_disk: Path) -> None:
    one = await tenant(parts)
    parts.studio.uploads.objects = objects = FileObjects(small_disk)
    assert await refused(one, BIG) is ErrorCode.UNAVAILABLE
    assert keys_in(parts, objects) == set()
    assert await known_keys(parts) == set()
    image = await bring(one)
    await remove_discarded(parts.engine, objects)
    assert await objects.get(image.object_key)


async def test_a_store_killed_amid_an_upload_leaves_nothing(
    settings: Settings, database_url: str, tmp_path: Path
) -> None:
    with start_s3_server(tmp_path / "s3") as server:
        async with narrow_link(server.port, limit_bytes=1_000_000) as link:
            narrow = on_s3(settings, server, f"http://127.0.0.1:{link.port}")
            async with open_parts(narrow, database_url, "http://easel.test") as parts:
                one = await tenant(parts)
                attempt = asyncio.create_task(refused(one, BIG))
                await link.jammed.wait()
                server.kill()
                assert await attempt is ErrorCode.UNAVAILABLE
                assert await known_keys(parts) == set()
        with start_s3_server(tmp_path / "s3", server.port) as again:
            back = narrow.model_copy(update={"s3_endpoint": on_s3(settings, again).s3_endpoint})
            async with open_parts(back, database_url, "http://easel.test") as parts:
                assert await settled(parts) == set()
                image = await bring(await tenant(parts), BIG)
                assert await settled(parts) == await known_keys(parts) == {image.object_key}


async def test_a_database_that_refuses_at_the_last_moment_leaves_nothing(parts: Parts) -> None:
    one = await tenant(parts)
    taken = UploadImage(project_id=one.project_id, sent_hash="0" * 64, alias="@kite")
    uploads = parts.studio.uploads
    outcomes = await asyncio.gather(
        *(uploads.upload(one.actor, taken, PICTURE) for _ in range(6)), return_exceptions=True
    )
    assert len([found for found in outcomes if isinstance(found, Image)]) == 1
    assert await settled(parts) == await known_keys(parts)
    assert len(keys_in(parts)) == 1


async def test_bytes_stored_by_a_process_that_died_go_by_themselves(parts: Parts) -> None:
    one = await tenant(parts)
    uploads = parts.studio.uploads
    await uploads.unneeded.begin(one.actor.organization_id, "somewhere/kite.png")
    await parts.objects.put("somewhere/kite.png", PICTURE, "image/png")
    assert await settled(parts) == {"somewhere/kite.png"}
    await pass_time(parts, 1)
    assert await settled(parts) == set()


async def test_an_image_is_not_made_of_bytes_that_are_gone(parts: Parts) -> None:
    """As where a process stood still for an hour between keeping the bytes and making the image."""
    one = await tenant(parts)

    class Slow(FileObjects):
        async def put(self, key: str, data: bytes, mime_type: str) -> None:
            await super().put(key, data, mime_type)
            await pass_time(parts, 2)
            await remove_discarded(parts.engine, self)

    assert isinstance(parts.objects, FileObjects)
    parts.studio.uploads.objects = Slow(parts.objects._root)
    assert await refused(one) is ErrorCode.UNAVAILABLE
    assert keys_in(parts) == await known_keys(parts) == set()
    assert await parts.studio.reads.many(ImageUpload, one.actor) == []


async def test_more_pictures_at_once_than_there_is_room_for_are_told_to_wait(parts: Parts) -> None:
    one, uploads = await tenant(parts), parts.studio.uploads

    async def one_more() -> Image:
        async with uploads.turn(len(PICTURE)):
            return await bring(one)

    outcomes = await asyncio.gather(*(one_more() for _ in range(40)), return_exceptions=True)
    refusals = [found for found in outcomes if isinstance(found, DomainError)]
    assert len(refusals) == 8
    assert all(error.code is ErrorCode.UNAVAILABLE and error.details["retryAfter"] for error in refusals)
    assert len(await settled(parts)) == 32
