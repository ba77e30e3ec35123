"""URLs that let anyone PUT one object: as S3 reads them, and no wider than they were meant."""

from datetime import UTC, datetime

import httpx2
import pytest

from domain.errors import DomainError, InvalidInput
from storage.objects.files import FileObjects
from storage.objects.s3 import S3Objects
from storage.objects.signing import Signer, _signed
from tests.servers.s3_process import S3Server

# The example in Amazon's documentation of signatures in the query.
EXAMPLE = Signer("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
EXAMPLES_SIGNATURE = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
TYPE = {"Content-Type": "image/png"}


async def put(url: str, data: bytes, **headers: str) -> int:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return (await http.put(url, content=data, headers={**TYPE, **headers})).status_code


async def signed(objects: S3Objects, key: str = "a/b", size: int = 3, seconds: int = 60) -> str:
    url = await objects.presigned_put(key, "image/png", size, expires_seconds=seconds)
    assert url is not None
    return url


def test_the_signature_is_the_one_of_the_documentation() -> None:
    url = "https://examplebucket.s3.amazonaws.com/test.txt"
    made = _signed("GET", url, EXAMPLE, {}, 86_400, datetime(2013, 5, 24, tzinfo=UTC))
    assert made.endswith(f"&X-Amz-Signature={EXAMPLES_SIGNATURE}")


async def test_anyone_may_send_what_was_announced(s3_objects: S3Objects) -> None:
    assert await put(await signed(s3_objects), b"abc") == 200
    assert await s3_objects.get("a/b") == b"abc"


@pytest.mark.parametrize(
    ("data", "headers"),
    [(b"abcd", {}), (b"ab", {}), (b"", {}), (b"abc", {"Content-Type": "text/html"})],
    ids=["more", "less", "nothing", "another type"],
)
async def test_the_store_refuses_what_was_not_announced(
    s3_objects: S3Objects, data: bytes, headers: dict[str, str]
) -> None:
    assert await put(await signed(s3_objects), data, **headers) == 403
    with pytest.raises(DomainError, match="no object"):
        await s3_objects.get("a/b")


@pytest.mark.parametrize(
    ("said", "forged"),
    [("/a/b?", "/a/c?"), ("Expires=60&", "Expires=600&"), ("content-length%3B", ""), ("Signature=", "Signature=0")],
)
async def test_a_forged_url_opens_nothing(s3_objects: S3Objects, said: str, forged: str) -> None:
    url = await signed(s3_objects)
    assert said in url
    assert await put(url.replace(said, forged), b"abc") in {400, 403}


@pytest.mark.parametrize("seconds", [0, -1, 7 * 24 * 3600 + 1])
async def test_a_url_lasts_for_up_to_a_week(s3_objects: S3Objects, seconds: int) -> None:
    with pytest.raises(InvalidInput, match="7 days"):
        await signed(s3_objects, seconds=seconds)


async def test_the_url_names_the_store_as_browsers_reach_it(s3_server: S3Server, s3_objects: S3Objects) -> None:
    outside = f"http://localhost:{s3_server.port}"
    keys = (s3_server.access_key, s3_server.secret_key, s3_objects.bucket)
    objects = S3Objects(s3_server.endpoint, *keys, public_endpoint=outside + "/")
    url = await signed(objects)
    assert url.startswith(f"{outside}/{s3_objects.bucket}/a/b?")
    assert await put(url, b"abc") == 200


async def test_files_have_no_such_url(file_objects: FileObjects) -> None:
    assert await file_objects.presigned_put("a", "image/png", 1, expires_seconds=60) is None
