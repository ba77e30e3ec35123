"""What files add to the promises of every object store: full disks, missing rights, sudden ends."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.errors import DomainError, ErrorCode, InvalidInput
from storage.objects.files import FileObjects
from tests.storage.put_files import body

REPOSITORY = Path(__file__).parents[2]
PUT_FILES = [sys.executable, "-m", "tests.storage.put_files"]


def files_below(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def modes_below(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mode & 0o777 for path in root.rglob("*")}


def remount_read_only(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


async def test_files_have_no_signed_url(file_objects: FileObjects) -> None:
    await file_objects.put("a", b"1", "image/png")
    assert await file_objects.presigned_url("a", expires_seconds=60) is None


async def test_objects_are_for_their_owner_alone(tmp_path: Path) -> None:
    root = tmp_path / "below" / "nothing"
    await FileObjects(root).put("a/b/c.png", b"1", "image/png")
    modes = modes_below(root.parent)
    assert modes.pop(root / "a/b/c.png") == 0o600
    assert set(modes.values()) == {0o700}


async def test_an_object_is_not_the_folder_of_another(file_objects: FileObjects) -> None:
    await file_objects.put("a/b", b"1", "image/png")
    for key in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(InvalidInput, match="folder of another"):
            await file_objects.put(key, b"2", "image/png")
    assert await file_objects.get("a/b") == b"1"


async def test_a_full_disk_says_so_and_keeps_what_it_has(small_disk: Path) -> None:
    objects = FileObjects(small_disk)
    await objects.put("a", b"old", "image/png")
    for key in ("a", "new/key"):
        with pytest.raises(DomainError, match=r"is full: free space .* EASEL_DATA_DIR") as caught:
            await objects.put(key, bytes(2_000_000), "image/png")
        assert caught.value.code == ErrorCode.UNAVAILABLE
    assert files_below(small_disk) == [small_disk / "a"]
    assert await objects.get("a") == b"old"
    await objects.put("a", b"fits", "image/png")
    assert await objects.get("a") == b"fits"


async def test_a_disk_turned_read_only_is_unavailable_and_still_read(small_disk: Path) -> None:
    objects = FileObjects(small_disk)
    await objects.put("a", b"old", "image/png")
    await asyncio.to_thread(remount_read_only, small_disk)
    with pytest.raises(DomainError, match="right to write below EASEL_DATA_DIR"):
        await objects.put("a", b"new", "image/png")
    with pytest.raises(DomainError, match="right to write below EASEL_DATA_DIR"):
        await objects.delete("a")
    assert await objects.get("a") == b"old"


@pytest.mark.parametrize(
    ("held_to", "sentence"),
    [("small-files", "The object store is full"), ("others-folder", "right to write below EASEL_DATA_DIR")],
)
def test_a_process_that_may_not_write_is_told_and_leaves_nothing(tmp_path: Path, held_to: str, sentence: str) -> None:
    command = [*PUT_FILES, str(tmp_path), held_to]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=30)
    tmp_path.chmod(0o700)
    code, message = json.loads(done.stdout)
    assert code == ErrorCode.UNAVAILABLE
    assert sentence in message
    assert files_below(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DomainError, match="check the disk that holds EASEL_DATA_DIR"):
        FileObjects(tmp_path / "file" / "objects")


async def test_kill_9_amid_puts_leaves_whole_objects_and_leftovers_that_are_swept(tmp_path: Path) -> None:
    announced = {key for kills_after in (1, 9, 30) for key in keys_put_before_kill(tmp_path, kills_after)}
    leftovers = list((tmp_path / "+incoming").iterdir())
    kept = {str(path.relative_to(tmp_path)) for path in files_below(tmp_path) if path not in leftovers}
    objects = FileObjects(tmp_path)
    assert announced <= kept
    assert [key for key in kept if await objects.get(key) != body(key)] == []
    assert leftovers, "no kill came in the middle of a put"
    age(leftovers)
    FileObjects(tmp_path)
    assert list((tmp_path / "+incoming").iterdir()) == []


def test_what_may_still_be_written_is_not_swept(tmp_path: Path) -> None:
    objects = FileObjects(tmp_path)
    young, old = tmp_path / "+incoming" / "young", tmp_path / "+incoming" / "old"
    young.touch()
    old.touch()
    age([old])
    objects.sweep()
    assert files_below(tmp_path) == [young]


def keys_put_before_kill(root: Path, kills_after: int) -> list[str]:
    command = [*PUT_FILES, str(root), "nothing"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        first = [process.stdout.readline().strip() for _ in range(kills_after)]
        process.kill()
        rest = [line.strip() for line in process.stdout if line.endswith("\n")]
    assert all(first)
    return first + rest


def age(files: list[Path]) -> None:
    two_hours_ago = time.time() - 7200
    for file in files:
        os.utime(file, (two_hours_ago, two_hours_ago))
