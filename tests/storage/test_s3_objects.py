"""What S3 adds to the promises of every object store: signed URLs, wrong settings, servers and networks that fail."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import httpx2
import pytest

from domain.errors import DomainError, ErrorCode, InvalidInput
from storage.objects.s3 import S3Objects
from tests.servers.listening import listening
from tests.servers.narrow_link import narrow_link
from tests.servers.s3_process import S3Server, start_s3_server

SILENCE = b""
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf"
ANSWERS = {
    "silence": SILENCE,
    "no HTTP": b"220 mail.example.org ESMTP\r\n\r\n",
    "overload": b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nRetry-After: 3600\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(SLOW_DOWN), SLOW_DOWN),
    "another web site": b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nGone",
    "broken XML": b"HTTP/1.1 400 Bad\r\nContent-Type: application/xml\r\nContent-Length: 2\r\n\r\n<E",
    "no text": b"HTTP/1.1 400 Bad\r\nContent-Type: application/xml\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "half an object": HALF,
}


def hurried(port: int, bucket: str = "bucket", *, read_seconds: float = 0.3) -> S3Objects:
    """A store that soon gives up on what listens there."""
    return S3Objects(
        f"http://127.0.0.1:{port}", "key", "secret", bucket, connect_seconds=0.3, read_seconds=read_seconds
    )


def answering(answer: bytes) -> AbstractAsyncContextManager[int]:
    """The port of a server that gives this answer to the request on each connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.readline() not in {b"\r\n", b""}:
                pass
            writer.write(answer)
            if answer == HALF:
                writer.close()
            await reader.read()
        writer.close()

    return listening(handle)


async def collect(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def fetch(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False) as client:
        return await client.get(url)


async def signed_url(objects: S3Objects, key: str, *, expires_seconds: int = 60) -> str:
    url = await objects.presigned_url(key, expires_seconds=expires_seconds)
    assert url
    return url


async def test_a_signed_url_gives_the_bytes_and_their_type_to_anyone(s3_objects: S3Objects) -> None:
    await s3_objects.put("a/b.webp", b"picture", "image/webp")
    answer = await fetch(await signed_url(s3_objects, "a/b.webp"))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"picture", "image/webp")


@pytest.mark.parametrize(
    ("signed", "forged"), [("/a?", "/b?"), ("Expires=60&", "Expires=600&"), ("Signature=", "Signature=0")]
)
async def test_a_signed_url_that_was_changed_is_refused(s3_objects: S3Objects, signed: str, forged: str) -> None:
    await s3_objects.put("a", b"1", "image/png")
    await s3_objects.put("b", b"2", "image/png")
    url = await signed_url(s3_objects, "a")
    assert (await fetch(url)).status_code == 200
    assert (await fetch(url.replace(signed, forged))).status_code == 403


async def test_a_signed_url_is_refused_once_it_has_expired(s3_objects: S3Objects) -> None:
    await s3_objects.put("a", b"1", "image/png")
    url = await signed_url(s3_objects, "a", expires_seconds=3)
    answers = [await fetch(url)]
    for _ in range(100):
        if answers[-1].status_code == 200:
            await asyncio.sleep(0.1)
            answers.append(await fetch(url))
    assert (answers[0].status_code, answers[-1].status_code) == (200, 403)


@pytest.mark.parametrize("expires_seconds", [-1, 0, 7 * 24 * 3600 + 1])
async def test_a_signed_url_for_no_time_or_too_long_is_refused(s3_objects: S3Objects, expires_seconds: int) -> None:
    with pytest.raises(InvalidInput, match="1 second to 7 days"):
        await s3_objects.presigned_url("a", expires_seconds=expires_seconds)


async def test_a_bucket_is_made_once_by_however_many_processes(s3_server: S3Server) -> None:
    stores = [S3Objects(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, "shared") for _ in range(4)]
    await asyncio.gather(*(store.ensure_bucket() for store in stores))
    await stores[0].put("a", b"1", "image/png")
    await stores[1].ensure_bucket()
    assert await stores[1].get("a") == b"1"


@pytest.mark.parametrize("who", ["wrong secret", "unknown key", "key without rights"])
async def test_refused_credentials_name_their_settings_and_not_the_secret(s3_server: S3Server, who: str) -> None:
    access_key, secret_key = {
        "wrong secret": (s3_server.access_key, "no-such-secret"),
        "unknown key": ("easel:nobody", s3_server.secret_key),
        "key without rights": (s3_server.guest_access_key, s3_server.secret_key),
    }[who]
    objects = S3Objects(s3_server.endpoint, access_key, secret_key, "forbidden")
    for call in (objects.ensure_bucket, lambda: objects.put("a", b"1", "image/png"), lambda: objects.get("a")):
        with pytest.raises(DomainError, match="EASEL_S3_ACCESS_KEY and EASEL_S3_SECRET_KEY") as caught:
            await call()
        assert caught.value.code == ErrorCode.UNAVAILABLE
        assert secret_key not in f"{caught.value!r} {caught.value.__cause__!r} {objects!r}"


async def test_a_missing_bucket_is_named_as_a_setting(s3_server: S3Server) -> None:
    objects = S3Objects(s3_server.endpoint, s3_server.access_key, s3_server.secret_key, "never-made")
    with pytest.raises(DomainError, match="set EASEL_S3_BUCKET"):
        await objects.put("a", b"1", "image/png")


@pytest.mark.parametrize(
    "endpoint",
    ["", "127.0.0.1:9000", "ftp://host", "http://", "http://host/path", "http://u:hidden@host", "http://host:x"],
)
def test_an_endpoint_that_is_no_url_is_refused_at_the_start(endpoint: str) -> None:
    with pytest.raises(InvalidInput, match="EASEL_S3_ENDPOINT") as caught:
        S3Objects(endpoint, "key", "secret", "bucket")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("bucket", "region"), [("", "us-east-1"), ("Upper_Case", "us-east-1"), ("bucket", "no region")]
)
def test_an_impossible_bucket_or_region_is_refused_at_the_start(bucket: str, region: str) -> None:
    with pytest.raises(InvalidInput, match="EASEL_S3_BUCKET or EASEL_S3_REGION"):
        S3Objects("http://127.0.0.1:9000", "key", "secret", bucket, region)


async def test_a_store_that_is_away_is_unavailable_soon() -> None:
    async with answering(SILENCE) as port:
        objects = hurried(port)  # nothing listens there once this block ends
    started = time.monotonic()
    for call in (objects.ensure_bucket, lambda: objects.put("a", b"1", "image/png"), lambda: objects.get("a")):
        with pytest.raises(DomainError, match="check EASEL_S3_ENDPOINT") as caught:
            await call()
        assert caught.value.extensions == {"code": "UNAVAILABLE", "retryAfter": 5}
    assert time.monotonic() - started < 6


@pytest.mark.parametrize("answer", ANSWERS)
async def test_whatever_else_answers_there_is_unavailable_soon(answer: str) -> None:
    async with answering(ANSWERS[answer]) as port:
        started = time.monotonic()
        for call in (hurried(port).get, lambda key: collect(hurried(port).stream(key))):
            with pytest.raises(DomainError) as caught:
                await call("a")
            assert caught.value.code == ErrorCode.UNAVAILABLE
        assert time.monotonic() - started < 6


async def test_a_server_may_call_it_an_error_to_delete_what_is_not_there() -> None:
    missing = b"<Error><Code>NoSuchKey</Code></Error>"
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n" % len(missing)
    async with answering(head + missing) as port:
        await hurried(port).delete("a")
        with pytest.raises(DomainError, match="no object"):
            await hurried(port).get("a")


async def test_a_call_ends_at_its_limit_whatever_its_thread_waits_for() -> None:
    async with answering(SILENCE) as port:
        objects = S3Objects(f"http://127.0.0.1:{port}", "key", "secret", "bucket", read_seconds=2, limit_seconds=0.2)
        started = time.monotonic()
        with pytest.raises(DomainError, match="does not answer"):
            await objects.get("a")
        assert time.monotonic() - started < 1.5


async def test_leaving_a_stalled_stream_does_not_stop_the_event_loop() -> None:
    stalled = b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + bytes(100_000)
    async with answering(stalled) as port:
        chunks = hurried(port, read_seconds=3).stream("a")
        assert len(await anext(chunks)) == 64 * 1024
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await anext(chunks)
        assert time.monotonic() - started < 1.5


async def test_a_slow_upload_may_take_longer_than_a_connection(s3_server: S3Server, s3_objects: S3Objects) -> None:
    data = os.urandom(12_000_000)
    async with narrow_link(s3_server.port, pause_seconds=0.01) as link:
        slow = S3Objects(
            f"http://127.0.0.1:{link.port}",
            s3_server.access_key,
            s3_server.secret_key,
            s3_objects.bucket,
            connect_seconds=0.5,
        )
        started = time.monotonic()
        await slow.put("a", data, "image/png")
        assert time.monotonic() - started > 1
    assert await s3_objects.get("a") == data


async def test_a_server_killed_amid_an_upload_keeps_the_old_object_whole(tmp_path: Path) -> None:
    new = os.urandom(20_000_000)
    with start_s3_server(tmp_path) as server:
        direct = S3Objects(server.endpoint, server.access_key, server.secret_key, "pictures")
        await direct.ensure_bucket()
        await direct.put("old", b"old", "image/png")
        async with narrow_link(server.port, limit_bytes=2 * 8_000_000) as link:
            objects = S3Objects(f"http://127.0.0.1:{link.port}", server.access_key, server.secret_key, "pictures")
            uploads = [asyncio.create_task(objects.put(key, new, "image/png")) for key in ("old", "new")]
            await asyncio.wait_for(link.jammed.wait(), 20)
            server.kill()
            outcomes = await asyncio.gather(*uploads, return_exceptions=True)
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [ErrorCode.UNAVAILABLE] * 2
    with start_s3_server(tmp_path, server.port):
        assert await direct.get("old") == b"old"
        with pytest.raises(DomainError, match="no object"):
            await direct.get("new")
        await direct.put("new", new, "image/png")
        assert await direct.get("new") == new
