"""What is sent arrives as it was meant, and whatever the receiver does, the caller is told in time."""

import asyncio
import socket
import traceback
from collections.abc import Sequence
from time import monotonic

import pytest

from engine.outbound import Answer, Reach, Reason, Sender, Undelivered
from tests.outbound.receiving import OK, receiving

HOST = "receiver.test"
ALLOWED = Reach(allow_hosts=(HOST,))
BODY = b'{"type": "run.finished"}'
BUSY = b"HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 9\r\n\r\ntry later"
TEN_MEGABYTES = 10 * 1024 * 1024


def sender(reach: Reach = ALLOWED, *addresses: str, limit_seconds: float = 5.0) -> Sender:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses or ["127.0.0.1"]

    return Sender(reach, resolve=resolve, limit_seconds=limit_seconds)


async def answer_to(answer: bytes, *, holds: bool = False, limit_seconds: float = 5.0) -> Answer:
    async with receiving(answer, holds=holds) as receiver:
        return await sender(limit_seconds=limit_seconds).post(f"http://{HOST}:{receiver.port}/", {}, BODY)


async def reason_for(answer: bytes, *, holds: bool = False) -> Reason:
    with pytest.raises(Undelivered) as failed:
        await answer_to(answer, holds=holds, limit_seconds=0.3)
    return failed.value.reason


async def test_a_call_arrives_with_its_host_path_headers_and_bytes() -> None:
    async with receiving() as receiver:
        url = f"http://Receiver.TEST:{receiver.port}/hooks/a%20b?project=1&x="
        answer = await sender().post(url, {"webhook-id": "msg_1", "Content-Type": "application/json"}, BODY)

    [call] = receiver.requests
    assert call.line == "POST /hooks/a%20b?project=1&x= HTTP/1.1"
    assert call.body == BODY
    assert call.headers == {
        "webhook-id": "msg_1",
        "content-type": "application/json",
        "host": f"{HOST}:{receiver.port}",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": str(len(BODY)),
    }
    assert (answer.status, answer.excerpt, answer.retry_after) == (200, "fine", None)
    assert 0 < answer.duration_ms < 5_000


async def test_headers_cannot_name_another_host() -> None:
    async with receiving() as receiver:
        await sender().post(f"http://{HOST}:{receiver.port}/", {"HOST": "other.test", "connection": "upgrade"}, BODY)
    [call] = receiver.requests
    assert (call.headers["host"], call.headers["connection"]) == (f"{HOST}:{receiver.port}", "close")


@pytest.mark.parametrize("path", ["", "?x=1"])
async def test_a_url_without_a_path_asks_for_the_root(path: str) -> None:
    async with receiving() as receiver:
        await sender().post(f"http://{HOST}:{receiver.port}{path}", {}, BODY)
    assert receiver.requests[0].line == f"POST /{path} HTTP/1.1"


async def test_a_busy_receiver_says_when_to_come_back() -> None:
    answer = await answer_to(BUSY)
    assert (answer.status, answer.retry_after, answer.excerpt) == (503, "30", "try later")


@pytest.mark.parametrize(
    ("reach", "host"),
    [
        (Reach(allow_loopback=True), "127.0.0.1"),
        (Reach(allow_loopback=True), "anything.test"),
        (Reach(allow_hosts=("127.0.0.1",)), "127.0.0.1"),
        (Reach(allow_hosts=("other.test", "Receiver.Test")), HOST),
        (Reach(allow_hosts=("receiver",)), "receiver"),
    ],
)
async def test_what_is_allowed_explicitly_is_called_by_any_port_and_without_tls(reach: Reach, host: str) -> None:
    async with receiving() as receiver:
        assert (await sender(reach).post(f"http://{host}:{receiver.port}/", {}, BODY)).status == 200
    assert receiver.connections == 1


@pytest.mark.parametrize(
    ("reach", "address"),
    [
        (Reach(allow_loopback=True), "10.0.0.1"),
        (Reach(allow_loopback=True), "0.0.0.0"),
        (Reach(allow_hosts=("other.test",)), "127.0.0.1"),
        (Reach(allow_hosts=("test",)), "127.0.0.1"),
        (Reach(allow_hosts=("127.0.0.1",)), "127.0.0.1"),
        (ALLOWED, "169.254.169.254"),
        (ALLOWED, "100.100.100.200"),
        (ALLOWED, "168.63.129.16"),
        (ALLOWED, "fd00:ec2::254"),
        (ALLOWED, "fd20:ce::254"),
        (ALLOWED, "fe80::1"),
        (ALLOWED, "0.0.0.0"),
        (ALLOWED, "224.0.0.1"),
        (ALLOWED, "::ffff:10.0.0.1"),
    ],
)
async def test_what_is_allowed_opens_nothing_else(reach: Reach, address: str) -> None:
    async with receiving() as canary:
        with pytest.raises(Undelivered) as refused:
            await sender(reach, "127.0.0.1", address).post(f"http://{HOST}:{canary.port}/", {}, BODY)
    assert (refused.value.reason, canary.connections) == (Reason.ADDRESS_REFUSED, 0)


async def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as canary, receiving() as receiver:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
        await sender().post(f"http://{HOST}:{receiver.port}/", {}, BODY)
    assert (receiver.connections, canary.connections) == (1, 0)


async def test_nothing_is_remembered_from_one_call_to_the_next() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: who=me\r\nContent-Length: 0\r\n\r\n"
    calls = sender()
    async with receiving(answer, holds=True) as receiver:
        for _ in range(2):
            await calls.post(f"http://{HOST}:{receiver.port}/", {}, BODY)
    assert receiver.connections == 2
    assert "cookie" not in receiver.requests[1].headers


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 4 * TEN_MEGABYTES
    async with receiving(answer) as receiver:
        answered = await sender().post(f"http://{HOST}:{receiver.port}/", {}, BODY)
        assert (answered.status, answered.excerpt) == (200, "x" * 1_000)
    assert receiver.written_bytes < TEN_MEGABYTES


@pytest.mark.parametrize(
    "rest",
    [b"Content-Length: 100\r\n\r\nfine", b"Transfer-Encoding: chunked\r\n\r\n4\r\nfine\r\nnot a size"],
)
async def test_a_status_stands_however_the_body_breaks_off(rest: bytes) -> None:
    answer = await answer_to(b"HTTP/1.1 204 OK\r\n".replace(b"204", b"202") + rest)
    assert (answer.status, answer.excerpt) == (202, "fine")


async def test_a_status_stands_when_the_body_never_ends() -> None:
    answer = await answer_to(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nfine", holds=True, limit_seconds=0.3)
    assert (answer.status, answer.excerpt) == (200, "fine")


async def test_an_excerpt_can_be_kept_and_shown() -> None:
    body = b"a\x00b\x1b[31m\r\n\xff\xe2\x80\xae\xc3\xa9" + b"z" * 5_000
    answer = await answer_to(b"HTTP/1.1 400 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    assert answer.excerpt.startswith("a b [31m \n\ufffd \u00e9zz")
    assert len(answer.excerpt) == 1_000


@pytest.mark.parametrize(
    ("answer", "holds", "reason"),
    [
        (b"", False, Reason.CONNECTION_FAILED),
        (b"HTTP/1.1 200", False, Reason.CONNECTION_FAILED),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", False, Reason.CONNECTION_FAILED),
        (b"HTTP/1.1 2000 OK\r\n\r\n", False, Reason.CONNECTION_FAILED),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n", False, Reason.CONNECTION_FAILED),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", True, Reason.CONNECTION_FAILED),
        (b"", True, Reason.TIMED_OUT),
        (b"HTTP/1.1 200 OK\r\nX: y", True, Reason.TIMED_OUT),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000, True, Reason.TIMED_OUT),
    ],
)
async def test_what_is_no_answer_is_told_as_such(answer: bytes, holds: bool, reason: Reason) -> None:  # noqa: FBT001
    assert await reason_for(answer, holds=holds) is reason


async def test_a_closed_port_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Undelivered) as failed:
        await sender().post(f"http://{HOST}:{port}/", {}, BODY)
    assert failed.value.reason is Reason.CONNECTION_FAILED


async def test_a_name_server_that_never_answers_is_not_waited_for() -> None:
    async def silence(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    started = monotonic()
    with pytest.raises(Undelivered) as failed:
        await Sender(ALLOWED, resolve=silence, limit_seconds=0.2).post(f"https://{HOST}/", {}, BODY)
    assert failed.value.reason is Reason.TIMED_OUT
    assert monotonic() - started < 2


async def test_a_name_that_nobody_knows_is_told_as_such() -> None:
    async def nothing(host: str, port: int) -> Sequence[str]:
        return []

    for calls in (Sender(Reach()), Sender(ALLOWED), Sender(ALLOWED, resolve=nothing)):
        with pytest.raises(Undelivered) as failed:
            await calls.post(f"https://{HOST}/", {}, BODY)
        assert failed.value.reason is Reason.HOST_NOT_FOUND


async def test_the_next_address_is_called_where_the_first_takes_no_connection() -> None:
    async with receiving() as receiver:
        calls = sender(ALLOWED, "::1", "127.0.0.1")
        assert (await calls.post(f"http://{HOST}:{receiver.port}/", {}, BODY)).status == 200


async def test_what_was_sent_is_not_sent_to_the_next_address() -> None:
    async with receiving(b"") as receiver:
        with pytest.raises(Undelivered):
            await sender(ALLOWED, "127.0.0.1", "127.0.0.1").post(f"http://{HOST}:{receiver.port}/", {}, BODY)
    assert len(receiver.requests) == 1


async def test_calls_run_beside_each_other() -> None:
    calls = sender()
    async with receiving(OK) as receiver:
        url = f"http://{HOST}:{receiver.port}/"
        answers = await asyncio.gather(*(calls.post(url, {}, b"%d" % number) for number in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert sorted(int(call.body) for call in receiver.requests) == list(range(50))


async def test_a_call_that_is_given_up_hangs_up() -> None:
    async with receiving(b"", holds=True) as receiver:
        call = asyncio.ensure_future(sender().post(f"http://{HOST}:{receiver.port}/", {}, BODY))
        async with asyncio.timeout(5):
            await receiver.read.wait()
            call.cancel()
            await receiver.left.wait()
    assert call.cancelled()


async def test_a_failure_tells_nothing_of_addresses(caplog: pytest.LogCaptureFixture) -> None:
    for address in ("10.1.2.3", "169.254.169.254"):
        with pytest.raises(Undelivered) as failed:
            await sender(Reach(), address).post("https://intranet.test/", {}, BODY)
        assert address not in "".join(traceback.format_exception(failed.value)) + caplog.text
