"""Servers that answer as no ComfyUI does: one clear failure, in time, and nothing of what they said."""

import asyncio
import json
from typing import Any

import pytest

from domain.errors import ErrorCode
from tests.providers.comfyui_asking import Call, asking
from tests.servers.odd_comfyui import PROMPT_ID, OddComfyUI, an_odd_comfyui, answered

HTML = answered(b"<html>quagga</html>", 200, "Content-Type: text/html")
ELSEWHERE = answered(b"", 302, "Location: http://127.0.0.1:9/")
HUGE = answered(b'{"quagga": "' + b"x" * 9_000_000 + b'"}')
DEEP = answered(b"[" * 200_000)
PACKED = answered(b"quagga", 200, "Content-Encoding: gzip")
CUT = answered(b'{"exec_info": {', length=500)
NOTHING_THERE = answered(b"{}")


def told(body: Any, status: int = 200) -> bytes:
    return answered(json.dumps(body).encode(), status)


def history(entry: Any) -> dict[str, bytes]:
    return {"GET /history": told({PROMPT_ID: entry})}


def failed(messages: Any) -> dict[str, bytes]:
    return history({"status": {"status_str": "error", "messages": messages}})


def output(value: Any) -> dict[str, bytes]:
    return history({"outputs": {"9": value}, "status": {"status_str": "success"}})


# Answers by call, and whether trying again can help.
ODD: dict[str, tuple[dict[str, bytes], bool]] = {
    **{
        f"probe-{name}": ({"GET /prompt": answer}, True)
        for name, answer in {
            "html": HTML,
            "redirect": ELSEWHERE,
            "huge": HUGE,
            "deep": DEEP,
            "packed": PACKED,
            "cut": CUT,
            "list": told([]),
            "text-for-number": told({"exec_info": {"queue_remaining": "quagga"}}),
            "forbidden": answered(b"", 403),
            "missing": answered(b"quagga", 404),
            "not-http": b"quagga\r\n\r\n",
            "no-utf-8": answered(b'{"exec_info": {"\xff": 1}}'),
        }.items()
    },
    "upload-html": ({"POST /upload": HTML}, True),
    "upload-number-for-name": ({"POST /upload": told({"name": 5})}, True),
    "upload-refused": ({"POST /upload": answered(b"", 400)}, False),
    "upload-too-large": ({"POST /upload": answered(b"quagga", 413)}, False),
    "send-html": ({"POST /prompt": HTML, "GET /history": NOTHING_THERE}, True),
    "send-redirect": ({"POST /prompt": ELSEWHERE, "GET /history": NOTHING_THERE}, True),
    "send-huge": ({"POST /prompt": HUGE, "GET /history": NOTHING_THERE}, True),
    "send-no-id": ({"POST /prompt": told({}), "GET /history": NOTHING_THERE}, True),
    "send-too-large": ({"POST /prompt": answered(b"quagga", 413)}, False),
    "send-other-id": ({"POST /prompt": told({"prompt_id": "quagga", "node_errors": {}})}, False),
    "refused-by-nothing": ({"POST /prompt": told({}, 400)}, False),
    "refused-by-text": ({"POST /prompt": told({"error": "no", "node_errors": "no"}, 400)}, False),
    "refused-by-lists": ({"POST /prompt": told({"error": [], "node_errors": {"5": {"errors": [[], 5]}}}, 400)}, False),
    "refused-by-numbers": ({"POST /prompt": told({"error": {"message": 5}, "node_errors": {"5": 5}}, 400)}, False),
    "queue-html": ({"GET /queue": HTML}, True),
    "queue-of-text": ({"GET /queue": told({"queue_running": "quagga", "queue_pending": []})}, True),
    "history-html": ({"GET /history": HTML}, True),
    "history-list": ({"GET /history": told([])}, True),
    "history-huge": ({"GET /history": HUGE}, False),
    "entry-number": (history(5), True),
    "entry-empty": (history({}), False),
    "entry-of-texts": (history({"outputs": "quagga", "status": "quagga"}), False),
    "failed-silently": (failed("quagga"), False),
    "failed-oddly": (failed([5, [], ["execution_error"]]), False),
    "failed-by-lists": (
        history({"status": {"status_str": "error", "messages": [["execution_error", {"node_id": []}]]}}),
        False,
    ),
    "output-of-text": (output("quagga"), False),
    "images-of-text": (output({"images": "quagga"}), False),
    "images-of-numbers": (output({"images": [5, {"filename": 5}, None]}), False),
    "images-of-its-input": (output({"images": [{"filename": "a.png", "type": "input"}]}), False),
    "images-by-the-thousand": (output({"images": [{"filename": "a.png"}] * 1000}), False),
    "file-html": ({"GET /view": HTML}, False),
    "file-empty": ({"GET /view": answered(b"")}, False),
    "file-redirect": ({"GET /view": ELSEWHERE}, True),
    "file-packed": ({"GET /view": PACKED}, True),
    "file-missing": ({"GET /view": answered(b"", 404)}, True),
}


@pytest.mark.parametrize("name", ODD)
async def test_an_odd_answer_is_one_failure(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    answers, retryable = ODD[name]
    async with an_odd_comfyui(dict(answers)) as server, connected(server) as provider, asyncio.timeout(15):
        error = await Call().failure(provider)
    assert (error.retryable, error.outcome_unknown) == (retryable, False)
    assert error.code in {ErrorCode.PROVIDER_FAILED, ErrorCode.PROVIDER_REFUSED}
    printed = capsys.readouterr()
    assert "quagga" not in error.message + printed.out + printed.err


async def test_answers_that_are_not_odd_are_taken() -> None:
    async with an_odd_comfyui({}) as server, connected(server) as provider:
        assert len((await Call().made_by(provider)).pictures) == 1


async def test_a_queue_too_long_to_read_is_no_reason_to_send_again() -> None:
    async with an_odd_comfyui({"GET /queue": HUGE, "GET /history": NOTHING_THERE}) as server:
        async with connected(server, longest_seconds=1.5) as provider:
            assert (await Call().failure(provider)).code is ErrorCode.PROVIDER_TIMEOUT
        assert len(server.sent) == 1


async def test_a_server_that_never_answers_is_away() -> None:
    async with an_odd_comfyui({"GET /prompt": None}) as server, connected(server) as provider, asyncio.timeout(5):
        assert "no answer within 3 s" in (await Call().failure(provider)).message


async def test_an_old_server_that_gives_ids_of_its_own_is_not_interrupted() -> None:
    """Older ones read no id there: they would interrupt whatever runs, whoever it belongs to."""
    own = {"prompt_id": "11111111-1111-4111-8111-111111111111", "node_errors": {}}
    async with an_odd_comfyui({"POST /prompt": told(own)}) as server, connected(server) as provider:
        assert "update it" in (await Call().failure(provider)).message
    assert [call for call in server.asked if call.startswith("POST")][-1] == "POST /queue"


async def test_no_answer_sends_it_anywhere_else() -> None:
    async with an_odd_comfyui({}) as elsewhere:
        redirect = answered(b"", 307, f"Location: {elsewhere.url}/prompt")
        async with an_odd_comfyui({"GET /prompt": redirect}) as server, connected(server) as provider:
            assert (await Call().failure(provider)).retryable
    assert elsewhere.asked == []


async def test_nothing_is_sent_that_only_browsers_send() -> None:
    async with an_odd_comfyui({}) as server, connected(server) as provider:
        await Call().made_by(provider)
    assert [call for call in server.asked if call.startswith("GET /ws")]
    assert not server.headers & {"origin", "referer", "cookie", "sec-fetch-site"}


def connected(server: OddComfyUI, **settings: Any) -> Any:
    return asking(server.url, **{"away_seconds": 0.3, "poll_seconds": 0.05} | settings)
