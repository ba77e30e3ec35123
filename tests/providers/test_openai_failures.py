import asyncio
import logging
import socket
import traceback

import pytest

from domain.errors import ErrorCode
from domain.providers import ImageRequest, ProviderError, TextRequest
from providers.openai_api import OpenAI
from tests.providers.openai_connection import INSTRUCTIONS, KEY, PROMPT, connect
from tests.servers.openai_process import OpenAIServer

IMAGE_FAILURES = {
    "429": (ErrorCode.PROVIDER_FAILED, True, False),
    "429-quota": (ErrorCode.QUOTA_EXCEEDED, False, False),
    "500": (ErrorCode.PROVIDER_FAILED, True, False),
    "504": (ErrorCode.PROVIDER_TIMEOUT, False, True),
    "400": (ErrorCode.PROVIDER_FAILED, False, False),
    "401": (ErrorCode.PROVIDER_FAILED, False, False),
    "404": (ErrorCode.PROVIDER_FAILED, False, False),
    "redirect": (ErrorCode.PROVIDER_FAILED, False, False),
    "policy": (ErrorCode.PROVIDER_REFUSED, False, False),
    "cut": (ErrorCode.OUTCOME_UNKNOWN, False, True),
    "cut-mid-body": (ErrorCode.OUTCOME_UNKNOWN, False, True),
    "not-json": (ErrorCode.PROVIDER_FAILED, False, False),
    "html-200": (ErrorCode.PROVIDER_FAILED, False, False),
    "compressed": (ErrorCode.PROVIDER_FAILED, False, False),
    "empty": (ErrorCode.PROVIDER_FAILED, False, False),
    "fewer": (ErrorCode.PROVIDER_FAILED, False, False),
    "not-a-picture": (ErrorCode.PROVIDER_FAILED, False, False),
    "url": (ErrorCode.PROVIDER_FAILED, False, False),
    "too-large": (ErrorCode.PROVIDER_FAILED, False, False),
}
TEXT_FAILURES = {
    "429": (ErrorCode.PROVIDER_FAILED, True, False),
    "500": (ErrorCode.PROVIDER_FAILED, True, False),
    "504": (ErrorCode.PROVIDER_TIMEOUT, True, True),
    "policy": (ErrorCode.PROVIDER_REFUSED, False, False),
    "refusal": (ErrorCode.PROVIDER_REFUSED, False, False),
    "cut": (ErrorCode.OUTCOME_UNKNOWN, True, True),
    "cut-mid-body": (ErrorCode.OUTCOME_UNKNOWN, True, True),
    "not-json": (ErrorCode.PROVIDER_FAILED, False, False),
    "html-200": (ErrorCode.PROVIDER_FAILED, False, False),
    "empty": (ErrorCode.PROVIDER_FAILED, False, False),
    "too-large": (ErrorCode.PROVIDER_FAILED, False, False),
}


async def failure(provider: OpenAI, *, text: bool = False) -> ProviderError:
    words, pictures = TextRequest(INSTRUCTIONS, PROMPT), ImageRequest(PROMPT)
    with pytest.raises(ProviderError) as caught:
        await (provider.write_text(words) if text else provider.make_images(pictures))
    return caught.value


def assert_nothing_leaked(told: str, caplog: pytest.LogCaptureFixture) -> None:
    assert "openai" in caplog.text, "the library's own log is part of what is searched"
    assert not [secret for secret in (KEY, PROMPT, INSTRUCTIONS) if secret in told + caplog.text]


@pytest.mark.parametrize(("behaviour", "expected"), IMAGE_FAILURES.items())
async def test_a_failed_picture_is_typed_asked_for_once_and_tells_no_secret(
    openai: OpenAI,
    openai_server: OpenAIServer,
    caplog: pytest.LogCaptureFixture,
    behaviour: str,
    expected: tuple[ErrorCode, bool, bool],
) -> None:
    caplog.set_level(logging.DEBUG)
    await openai_server.script(behaviour)
    error = await failure(openai)

    assert (error.code, error.retryable, error.outcome_unknown) == expected
    assert len(await openai_server.requests()) == 1
    assert_nothing_leaked("".join(traceback.format_exception(error)), caplog)


@pytest.mark.parametrize(("behaviour", "expected"), TEXT_FAILURES.items())
async def test_a_failed_text_is_typed_asked_for_once_and_tells_no_secret(
    openai: OpenAI,
    openai_server: OpenAIServer,
    caplog: pytest.LogCaptureFixture,
    behaviour: str,
    expected: tuple[ErrorCode, bool, bool],
) -> None:
    caplog.set_level(logging.DEBUG)
    await openai_server.script(behaviour)
    error = await failure(openai, text=True)

    assert (error.code, error.retryable, error.outcome_unknown) == expected
    assert len(await openai_server.requests()) == 1
    assert_nothing_leaked("".join(traceback.format_exception(error)), caplog)


async def test_success_is_not_logged_with_words_or_key(openai: OpenAI, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await openai.make_images(ImageRequest(PROMPT, count=2))
    await openai.write_text(TextRequest(INSTRUCTIONS, PROMPT))

    assert_nothing_leaked(repr(openai), caplog)


@pytest.mark.parametrize(
    ("behaviour", "advice"),
    [
        ("401", "check OPENAI_API_KEY"),
        ("404", "(404, model_not_found): check the model"),
        ("429-quota", "check its billing"),
        ("policy", "change the prompt"),
        ("url", "choose a model or server that answers with b64_json"),
        ("fewer", "0 pictures where 1 were asked for"),
        ("too-large", "too large"),
    ],
)
async def test_a_failure_says_what_to_do_next(
    openai: OpenAI, openai_server: OpenAIServer, behaviour: str, advice: str
) -> None:
    await openai_server.script(behaviour)
    assert advice in (await failure(openai)).message


async def test_a_busy_server_says_how_long_to_wait(openai: OpenAI, openai_server: OpenAIServer) -> None:
    await openai_server.script("429")
    assert (await failure(openai)).retry_after_seconds == 7


@pytest.mark.parametrize("behaviour", ["timeout", "drip"])
async def test_a_picture_that_takes_too_long_may_have_been_charged(
    impatient: OpenAI, openai_server: OpenAIServer, behaviour: str
) -> None:
    await openai_server.script(behaviour)
    async with asyncio.timeout(5):
        error = await failure(impatient)
    assert (error.code, error.retryable, error.outcome_unknown) == (ErrorCode.PROVIDER_TIMEOUT, False, True)


async def test_a_text_that_takes_too_long_may_be_asked_for_again(
    impatient: OpenAI, openai_server: OpenAIServer
) -> None:
    await openai_server.script("timeout")
    error = await failure(impatient, text=True)
    assert (error.code, error.retryable, error.outcome_unknown) == (ErrorCode.PROVIDER_TIMEOUT, True, True)


async def test_a_server_that_is_away_was_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    openai = connect(f"http://127.0.0.1:{port}/v1")
    error = await failure(openai)
    await openai.close()
    assert (error.code, error.retryable, error.outcome_unknown) == (ErrorCode.PROVIDER_FAILED, True, False)
