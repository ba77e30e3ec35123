"""OpenAI as an image and a text provider."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import httpx2
from openai import APIError, AsyncOpenAI

from domain.errors import DomainError
from domain.providers import (
    GeneratedPicture,
    ImageAnswer,
    ImageRequest,
    Recovery,
    Terms,
    TextAnswer,
    TextRequest,
)
from domain.traces import traceparent_of
from providers.openai_api.answers import decode_images, decode_text
from providers.openai_api.connection import open_connections
from providers.openai_api.failures import failure_of, unusable_answer
from providers.openai_api.models import asks_for_base64, nearest_size
from providers.pictures import fit_aspect_ratio, read_picture

OPENAI_URL = "https://api.openai.com/v1"


@dataclass(kw_only=True, slots=True)
class OpenAI:
    """
    Pictures and text from OpenAI or a compatible server.

    Prices are credits for one picture and one text. `timeout_seconds` bounds a whole call; retries are the caller's.
    """

    name: ClassVar[str] = "openai"

    api_key: str = field(repr=False)
    base_url: str | None = None
    image_model: str = "gpt-image-2.5-flare"
    text_model: str = "gpt-5.4-mini"
    image_price_credits: Decimal = Decimal(1)
    text_price_credits: Decimal = Decimal("0.1")
    timeout_seconds: float = 180.0
    connect_timeout_seconds: float = 5.0
    max_answer_bytes: int = 64 * 1024 * 1024
    _client: AsyncOpenAI = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._client = AsyncOpenAI(
            api_key=self.api_key,
            base_url=self.base_url or OPENAI_URL,
            max_retries=0,
            timeout=httpx2.Timeout(
                self.timeout_seconds, connect=self.connect_timeout_seconds, pool=self.connect_timeout_seconds
            ),
            http_client=open_connections(self.max_answer_bytes),
        )

    async def close(self) -> None:
        await self._client.close()

    @property
    def image_terms(self) -> Terms:
        return self._terms(self.image_model, self.image_price_credits, Recovery.NEITHER)

    @property
    def text_terms(self) -> Terms:
        """A text written twice costs next to nothing."""
        return self._terms(self.text_model, self.text_price_credits, Recovery.REPEATABLE)

    def _terms(self, model: str, price: Decimal, recovery: Recovery) -> Terms:
        return Terms(provider=self.name, model=model, price=price, recovery=recovery)

    async def make_images(self, request: ImageRequest) -> ImageAnswer:
        size = nearest_size(self.image_model, request.aspect_ratio)
        files = await _named_files(request.references)
        content = await self._answer(self._images_call(request, size, files), repeatable=False)
        encoded = decode_images(content, count=request.count)
        meta = {"provider": self.name, "model": self.image_model, "size": size}
        pictures = [
            GeneratedPicture(await _checked_picture(data, request.aspect_ratio), meta=dict(meta)) for data in encoded
        ]
        return ImageAnswer(tuple(pictures), self.image_model, self.image_price_credits * len(pictures))

    async def write_text(self, request: TextRequest) -> TextAnswer:
        call = self._client.chat.completions.with_raw_response.create(
            model=self.text_model,
            messages=[
                {"role": "system", "content": request.instructions},
                {"role": "user", "content": request.text},
            ],
            extra_headers=_headers(request),
        )
        text = decode_text(await self._answer(call, repeatable=True))
        return TextAnswer(text, self.text_model, self.text_price_credits)

    def _images_call(self, request: ImageRequest, size: str, files: list[tuple[str, bytes, str]]) -> Awaitable[Any]:
        images = self._client.images.with_raw_response
        arguments: dict[str, Any] = {
            "model": self.image_model,
            "prompt": request.prompt,
            "n": request.count,
            "size": size,
            "extra_headers": _headers(request),
        }
        if asks_for_base64(self.image_model):
            arguments["response_format"] = "b64_json"
        return images.edit(image=files, **arguments) if files else images.generate(**arguments)

    async def _answer(self, call: Awaitable[Any], *, repeatable: bool) -> bytes:
        """The body of a successful answer. A `repeatable` call may be sent again when its answer is lost."""
        try:
            # The client's own limits start anew with every packet: a server that drips would hold the call for ever.
            async with asyncio.timeout(self.timeout_seconds):
                content: bytes = (await call).content
        except (APIError, TimeoutError) as error:
            # The original carries the request and the raw answer, which must not reach a log.
            raise failure_of(error, repeatable=repeatable) from None
        return content


def _headers(request: ImageRequest | TextRequest) -> dict[str, str]:
    call = request.call
    headers = {
        "Idempotency-Key": call.idempotency_key,
        "X-Trace-Id": call.trace_id,
        "traceparent": traceparent_of(call.trace_id),
    }
    return {name: value for name, value in headers.items() if value}


async def _named_files(references: tuple[bytes, ...]) -> list[tuple[str, bytes, str]]:
    pictures = [await read_picture(data) for data in references]
    return [
        (f"reference-{number}.{picture.extension}", picture.data, picture.mime_type)
        for number, picture in enumerate(pictures, start=1)
    ]


async def _checked_picture(data: bytes, aspect_ratio: str) -> bytes:
    try:
        picture = await read_picture(data)
        return await fit_aspect_ratio(picture.data, aspect_ratio)
    except DomainError:
        raise unusable_answer("something that is not a picture") from None
