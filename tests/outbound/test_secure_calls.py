"""A secure call is made to the host of the URL or to nobody."""

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.outbound import Reach, Reason, Sender, Undelivered
from tests.outbound.certificates import Authority
from tests.outbound.receiving import receiving
from tests.servers.listening import listening

HOST = "receiver.test"
BODY = b"{}"


def sender(trust: ssl.SSLContext | None = None, *, limit_seconds: float = 5.0) -> Sender:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    return Sender(Reach(allow_loopback=True), resolve=resolve, trust=trust, limit_seconds=limit_seconds)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("host", [HOST, "127.0.0.1"])
async def test_a_certificate_is_checked_against_the_host_of_the_url(authority: Authority, host: str) -> None:
    asked: list[str | None] = []

    def hear(connection: object, name: str | None, context: object) -> None:
        asked.append(name)

    server = authority.server(host)
    server.sni_callback = hear
    async with receiving(tls=server) as receiver:
        answer = await sender(authority.trust()).post(f"https://{host}:{receiver.port}/", {}, BODY)

    assert answer.status == 200
    assert receiver.requests[0].headers["host"] == f"{host}:{receiver.port}"
    assert asked == [HOST if host == HOST else None]


@pytest.mark.parametrize("proves", ["other.test", "127.0.0.1", "*.receiver.test"])
async def test_a_host_that_proves_to_be_another_is_sent_nothing(authority: Authority, proves: str) -> None:
    async with receiving(tls=authority.server(proves)) as receiver:
        with pytest.raises(Undelivered) as failed:
            await sender(authority.trust()).post(f"https://{HOST}:{receiver.port}/", {}, BODY)
    assert (failed.value.reason, receiver.requests) == (Reason.TLS_FAILED, [])


async def test_a_host_whose_authority_is_unknown_is_sent_nothing(authority: Authority) -> None:
    async with receiving(tls=authority.server(HOST)) as receiver:
        with pytest.raises(Undelivered) as failed:
            await sender().post(f"https://{HOST}:{receiver.port}/", {}, BODY)
    assert (failed.value.reason, receiver.requests) == (Reason.TLS_FAILED, [])


async def test_a_receiver_that_speaks_no_tls_is_hung_up_on_in_time() -> None:
    async with receiving() as receiver:
        with pytest.raises(Undelivered) as failed:
            await sender(limit_seconds=0.3).post(f"https://{HOST}:{receiver.port}/", {}, BODY)
        async with asyncio.timeout(5):
            await receiver.left.wait()
    assert (failed.value.reason, receiver.requests) == (Reason.TIMED_OUT, [])


async def test_a_receiver_that_says_something_else_than_tls_is_told_as_such() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        await reader.read()

    async with listening(greet) as port:
        with pytest.raises(Undelivered) as failed:
            await sender().post(f"https://{HOST}:{port}/", {}, BODY)
    assert failed.value.reason is Reason.TLS_FAILED
