"""What is in the object store and belongs to nothing."""

import os
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from app.settings import Settings
from app.sweeping import Found, Sweep, kind_of
from domain.errors import DomainError, ErrorCode
from domain.ids import new_id
from tests.cdn.showing import Gallery, gallery

AT_ONCE = timedelta(seconds=-60)
ROOT = Path(__file__).parents[2]


def a_sweep(one: Gallery, older_than: timedelta = AT_ONCE) -> Sweep:
    parts = one.client.parts
    return Sweep(engine=parts.engine, objects=parts.objects, older_than=older_than, seen=lambda _: None)


async def left_behind(one: Gallery) -> dict[str, bytes]:
    """Objects without a row, of every kind."""
    left = {
        f"{one.image.project_id}/{new_id()}.png": b"12345",
        f"variants/{one.image.project_id}/{new_id()}/x.webp": b"123",
        f"uploads/{new_id()}.png": b"1",
        "stray": b"12",
    }
    for key, data in left.items():
        await one.client.parts.objects.put(key, data, "image/png")
    return left


async def test_what_no_row_names_is_found_and_removed_and_all_else_stays(everywhere: Gallery) -> None:
    assert (await everywhere.get(f"{everywhere.path}?w=64")).status_code == 200
    before = await everywhere.stored()
    left = await left_behind(everywhere)
    sweep = a_sweep(everywhere)
    found = await sweep.look()
    assert await everywhere.stored() == before | left.keys()
    assert (found.objects, found.orphans.total(), found.orphan_bytes.total()) == (6, 4, 11)
    assert found.orphan_bytes == Counter({"pictures": 5, "variants": 3, "other": 2, "uploads": 1})
    assert await sweep.delete(found) == found
    assert await everywhere.stored() == before
    assert (await everywhere.get()).content == everywhere.data
    assert (await sweep.look()).orphans.total() == 0


async def test_what_waits_to_be_removed_is_left_to_those_who_remove_it(shown: Gallery) -> None:
    (key,) = list(await left_behind(shown))[:1]
    await shown.execute(
        "INSERT INTO discarded SELECT gen_random_uuid(), organization_id, :key, now() + interval '1 day' FROM images",
        key=key,
    )
    found = await a_sweep(shown).look()
    assert (found.objects, found.orphans.total()) == (5, 3)


async def test_what_is_young_may_still_get_its_row(shown: Gallery) -> None:
    await left_behind(shown)
    sweep = a_sweep(shown, timedelta(hours=1))
    assert (await sweep.delete(await sweep.look())).orphans.total() == 0
    assert len(await shown.stored()) == 5


async def test_the_store_of_another_database_is_not_emptied(shown: Gallery) -> None:
    await shown.execute("DELETE FROM images")
    sweep = a_sweep(shown)
    with pytest.raises(DomainError) as refused:
        await sweep.delete(await sweep.look())
    assert refused.value.code is ErrorCode.CONFLICT
    assert len(await shown.stored()) == 1


async def test_an_empty_store_has_nothing_to_remove(shown: Gallery) -> None:
    await shown.client.parts.objects.delete(shown.image.object_key)
    assert await a_sweep(shown).look() == Found()


async def test_thousands_of_objects_are_looked_at_page_by_page(shown: Gallery) -> None:
    folder = shown.client.parts.settings.data_dir / "objects" / "stray"
    folder.mkdir()
    for number in range(2_500):
        (folder / f"{number}.png").write_bytes(b"1")
    seen: list[int] = []
    parts = shown.client.parts
    sweep = Sweep(engine=parts.engine, objects=parts.objects, older_than=AT_ONCE, seen=seen.append)
    found = await sweep.delete(await sweep.look())
    assert (found.orphans["stray"], max(seen)) == (2_500, 1_000)
    assert await shown.stored() == {shown.image.object_key}


PROJECT = "0199a000-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("key", "kind"),
    [(f"{PROJECT}/x.png", "pictures"), ("variants/a/b.png", "variants"), ("a.png", "other"), (PROJECT, "pictures")],
)
def test_a_key_says_what_it_was_for(key: str, kind: str) -> None:
    assert kind_of(key) == kind


async def test_the_command_counts_unless_it_is_told_to_remove(settings: Settings, database_url: str) -> None:
    async with gallery(settings, database_url) as shown:
        stray = settings.data_dir / "objects" / "stray.png"
        stray.write_bytes(b"1" * 1_048_576)
        two_days_ago = time.time() - 2 * 86_400
        os.utime(stray, (two_days_ago, two_days_ago))
        environment = {**os.environ, "EASEL_DATABASE_URL": database_url, "EASEL_DATA_DIR": str(settings.data_dir)}
        assert shown.image.object_key in await shown.stored()
    counted = easel("sweep", environment)
    assert "would be removed: 1 of 2 objects, 1.0 MiB" in counted
    assert stray.exists()
    assert "removed: 1 of 2 objects, 1.0 MiB" in easel("sweep", environment, "--delete")
    assert not stray.exists()
    assert "would be removed: 0 of 1 objects, 0.0 MiB" in easel("sweep", environment)


def easel(command: str, environment: dict[str, str], *options: str) -> str:
    words = [sys.executable, "-P", "-m", "app", command, *options]
    environment = {**environment, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
