"""The parts of OpenAI's answers that Easel reads, and nothing else of them."""

from typing import TypeVar

import msgspec

from domain.errors import ErrorCode
from domain.providers import ProviderError
from providers.openai_api.failures import content_refused, unusable_answer

Body = TypeVar("Body")


def decode_images(content: bytes, *, count: int) -> list[bytes]:
    """The encoded pictures, exactly as many as were asked for."""
    images = _decode(content, _Images).data
    if any(image.b64_json is None and image.url for image in images):
        # Fetching an address the other end names would let it reach into this network.
        raise ProviderError(
            ErrorCode.PROVIDER_FAILED,
            "OpenAI answered with links instead of pictures: choose a model or server that answers with b64_json",
            retryable=False,
        )
    encoded = [image.b64_json for image in images if image.b64_json is not None]
    if len(encoded) != count:
        raise unusable_answer(f"{len(encoded)} pictures where {count} were asked for")
    return encoded


def decode_text(content: bytes) -> str:
    choices = _decode(content, _Completion).choices
    if not choices:
        raise unusable_answer("no text")
    first = choices[0]
    if first.message.refusal or first.finish_reason == "content_filter":
        raise content_refused()
    if not (first.message.content or "").strip():
        raise unusable_answer("no text")
    return first.message.content or ""


class _Image(msgspec.Struct):
    b64_json: bytes | None = None
    url: str | None = None


class _Images(msgspec.Struct):
    data: list[_Image]


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice]


def _decode(content: bytes, type_: type[Body]) -> Body:
    try:
        return msgspec.json.decode(content, type=type_)
    except (msgspec.MsgspecError, RecursionError):
        raise unusable_answer("something that is not its protocol") from None
