"""What a live URL shows when its scope may generate nothing more."""

from dataclasses import dataclass

from starlette.types import Scope, Send

from domain.errors import DomainError, ErrorCode
from domain.live_scopes import WhenSpent
from domain.live_urls import LiveUrl
from providers.placeholders import placeholder
from rest.delivery import Delivery, File, Headers, for_every_page
from storage.live_images import Found, LiveImages

KEPT_SECONDS = 60
FOR_EVERY_PAGE = for_every_page(
    b"X-Cache-Status", b"X-Fallback", b"X-Scope", b"X-Image-Id", b"X-Generation-Id", b"X-RateLimit-Limit",
    b"X-RateLimit-Remaining", b"X-RateLimit-Reset",
)  # fmt: skip
_SPENT = {ErrorCode.SCOPE_GENERATION_LIMIT_EXCEEDED, ErrorCode.INSUFFICIENT_CREDITS, ErrorCode.QUOTA_EXCEEDED}


@dataclass(frozen=True, slots=True)
class Instead:
    """Another picture of the scope, or a sign that there is none; caches keep it for a minute."""

    name: bytes
    headers: Headers
    image: File | None = None
    sign: bytes = b""

    async def send(self, delivery: Delivery, scope: Scope, send: Send, slug: str) -> None:
        kept = b"public, max-age=%d" % KEPT_SECONDS
        told = [
            (b"cache-control", kept),
            (b"x-cache-status", b"FALLBACK"),
            (b"x-fallback", self.name),
            (b"x-scope", slug.encode()),
            *FOR_EVERY_PAGE,
            *self.headers,
        ]
        if self.image is not None:
            await delivery.send(scope, send, self.image, told)
            return
        about = [(b"content-type", b"image/jpeg"), (b"content-length", b"%d" % len(self.sign))]
        await send({"type": "http.response.start", "status": 200, "headers": [*told, *about]})
        body = b"" if scope["method"] == "HEAD" else self.sign
        await send({"type": "http.response.body", "body": body})


async def instead_of(images: LiveImages, found: Found, url: LiveUrl, error: DomainError) -> Instead:
    """What is shown instead of the image. Raises the error where it is another, or the scope wants it shown."""
    if error.code not in _SPENT:
        raise error
    match found.when_spent:
        case WhenSpent.LAST_GOOD if found.scope_id is not None:
            image = await images.newest_in(found.scope_id)
            if image is not None:
                return Instead(b"last-good", [(b"x-image-id", image.id.encode())], image)
        case WhenSpent.PLACEHOLDER:
            return Instead(b"placeholder", [], sign=await placeholder(url.aspect_ratio))
    # What its owner can spend is not for visitors to know.
    raise DomainError(ErrorCode.SCOPE_GENERATION_LIMIT_EXCEEDED, _said(error)) from error


def _said(error: DomainError) -> str:
    if error.code is ErrorCode.SCOPE_GENERATION_LIMIT_EXCEEDED:
        return error.message
    return "This scope generates no new images at present"
