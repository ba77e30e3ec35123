import asyncio
from decimal import Decimal
from io import BytesIO

import pytest
from PIL import Image

from domain.errors import InvalidInput
from domain.pictures import ASPECT_RATIOS
from domain.providers import Call, ImageProvider, ImageRequest, Recovery, TextProvider, TextRequest
from gateway.traces import trace_id_of
from providers.openai_api import OpenAI
from tests.providers.openai_connection import INSTRUCTIONS, PROMPT, connect
from tests.servers.openai_process import OpenAIServer


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(BytesIO(data)) as image:
        return image.size


def encoded(format_name: str) -> bytes:
    data = BytesIO()
    Image.new("RGB", (8, 8), "violet").save(data, format_name)
    return data.getvalue()


def test_it_is_both_kinds_of_provider_and_promises_no_recovery() -> None:
    images: ImageProvider = connect("http://127.0.0.1:9/v1")
    texts: TextProvider = connect("http://127.0.0.1:9/v1")
    pictures, text = images.image_terms, texts.text_terms
    assert (pictures.provider, pictures.recovery, pictures.price) == ("openai", Recovery.NEITHER, Decimal("1.5"))
    assert (text.provider, text.recovery, text.price) == ("openai", Recovery.REPEATABLE, Decimal("0.2"))


async def test_words_become_as_many_pictures_as_asked(openai: OpenAI, openai_server: OpenAIServer) -> None:
    answer = await openai.make_images(
        ImageRequest(PROMPT, count=3, call=Call(idempotency_key="step-7", trace_id="trace-9"))
    )

    assert len({picture.data for picture in answer.pictures}) == 3
    assert [size_of(picture.data) for picture in answer.pictures] == [(1024, 1024)] * 3
    assert (answer.model, answer.cost) == ("gpt-image-1", Decimal("4.5"))
    assert answer.pictures[0].meta == {"provider": "openai", "model": "gpt-image-1", "size": "1024x1024"}
    (call,) = await openai_server.requests()
    assert (call["path"], call["idempotency_key"], call["trace_id"]) == ("/v1/images/generations", "step-7", "trace-9")
    assert call["fields"] == {"model": "gpt-image-1", "prompt": PROMPT, "n": 3, "size": "1024x1024"}


@pytest.mark.parametrize("model", ["gpt-image-1", "dall-e-3", "some-model"])
@pytest.mark.parametrize("aspect_ratio", ASPECT_RATIOS)
async def test_every_aspect_ratio_comes_out_to_the_pixel(
    openai_server: OpenAIServer, model: str, aspect_ratio: str
) -> None:
    openai = connect(openai_server.base_url, image_model=model)
    answer = await openai.make_images(ImageRequest(PROMPT, aspect_ratio))
    await openai.close()

    (width, height), (across, down) = size_of(answer.pictures[0].data), ASPECT_RATIOS[aspect_ratio]
    assert min(abs(width - height * across / down), abs(height - width * down / across)) <= 1
    assert (width > height, width < height) == (across > down, across < down)


async def test_older_models_are_told_to_answer_with_the_picture(openai_server: OpenAIServer) -> None:
    openai = connect(openai_server.base_url, image_model="dall-e-3")
    await openai.make_images(ImageRequest(PROMPT, "16:9"))
    await openai.close()

    (call,) = await openai_server.requests()
    assert (call["fields"]["response_format"], call["fields"]["size"]) == ("b64_json", "1792x1024")


async def test_references_arrive_as_named_files(openai: OpenAI, openai_server: OpenAIServer) -> None:
    png, jpeg = encoded("PNG"), encoded("JPEG")
    answer = await openai.make_images(
        ImageRequest(PROMPT, "3:2", references=(png, jpeg), call=Call(idempotency_key="step-8"))
    )

    assert size_of(answer.pictures[0].data) == (1536, 1024)
    (call,) = await openai_server.requests()
    assert (call["path"], call["idempotency_key"]) == ("/v1/images/edits", "step-8")
    assert call["fields"]["prompt"] == PROMPT
    assert [(file["name"], file["mime_type"], file["bytes"]) for file in call["files"]] == [
        ("reference-1.png", "image/png", len(png)),
        ("reference-2.jpg", "image/jpeg", len(jpeg)),
    ]


async def test_a_reference_that_is_no_picture_is_never_sent(openai: OpenAI, openai_server: OpenAIServer) -> None:
    with pytest.raises(InvalidInput):
        await openai.make_images(ImageRequest(PROMPT, references=(b"no picture",)))
    assert await openai_server.requests() == []


async def test_a_picture_of_another_size_is_cropped_to_the_ratio(openai: OpenAI, openai_server: OpenAIServer) -> None:
    await openai_server.script("wrong-size")
    answer = await openai.make_images(ImageRequest(PROMPT, "1:1"))
    assert size_of(answer.pictures[0].data) == (600, 600)


async def test_text_is_written_from_instructions_and_words(openai: OpenAI, openai_server: OpenAIServer) -> None:
    answer = await openai.write_text(
        TextRequest(INSTRUCTIONS, PROMPT, call=Call(idempotency_key="step-9", trace_id="trace-9"))
    )

    assert (answer.text, answer.cost) == (f"Written from: {PROMPT}", Decimal("0.2"))
    (call,) = await openai_server.requests()
    assert (call["path"], call["idempotency_key"], call["trace_id"]) == ("/v1/chat/completions", "step-9", "trace-9")
    assert [message["content"] for message in call["fields"]["messages"]] == [INSTRUCTIONS, PROMPT]


async def test_a_trace_goes_on_where_it_is_one(openai: OpenAI, openai_server: OpenAIServer) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    for trace_id in (trace, "trace-9", "0" * 32, ""):
        await openai.write_text(TextRequest(INSTRUCTIONS, PROMPT, call=Call(trace_id=trace_id)))
    first, *others = [call["traceparent"] for call in await openai_server.requests()]
    assert trace_id_of(first) == trace
    assert others == [None] * 3


async def test_no_connection_is_used_twice(openai: OpenAI, openai_server: OpenAIServer) -> None:
    for _ in range(2):
        await openai.write_text(TextRequest(INSTRUCTIONS, PROMPT))
    first, second = await openai_server.requests()
    assert first["client_port"] != second["client_port"]


async def test_slow_calls_do_not_wait_for_each_other(openai: OpenAI, openai_server: OpenAIServer) -> None:
    await openai_server.script(*["timeout"] * 12)
    calls = [asyncio.create_task(openai.make_images(ImageRequest(f"{PROMPT} {number}"))) for number in range(12)]
    assert len(await openai_server.requests(at_least=12)) == 12

    await openai_server.release()
    answers = await asyncio.gather(*calls)
    assert len({answer.pictures[0].data for answer in answers}) == 12


async def test_a_cancelled_call_leaves_the_next_one_alone(openai: OpenAI, openai_server: OpenAIServer) -> None:
    await openai_server.script("timeout")
    call = asyncio.create_task(openai.make_images(ImageRequest(PROMPT)))
    await openai_server.requests(at_least=1)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await openai.make_images(ImageRequest(PROMPT))).pictures
