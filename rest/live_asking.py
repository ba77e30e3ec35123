"""What a live URL says, and whether its visitor may have it generated."""

import hmac
import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from urllib.parse import parse_qsl

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.kinds.enhance import EnhancementTemplate
from domain.live_urls import LiveUrl
from storage.live_images import Found

MOST_PARAMETERS = 64
LONGEST_QUERY_BYTES = 60_000

_SWITCHES = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Visit:
    """
    Who wants which image of which scope; without an address whoever asks has a key, and has no visitor's hour.

    `count` is called where the image is not there: it counts what is asked of this server, and may refuse.
    """

    organization: str
    project: str
    scope: str
    url: LiveUrl
    address: str | None
    trace_id: str
    count: Callable[[], Awaitable[object]]
    signature: str | None = None

    @property
    def is_public(self) -> bool:
        return self.address is not None


def read_live_url(query: bytes) -> tuple[LiveUrl, str | None]:
    """What is asked for, and its signature; parameters that mean nothing here are not looked at."""
    said = _parameters(query)
    url = LiveUrl(
        prompt=said.get("prompt", ""),
        aspect_ratio=said.get("aspectRatio", "1:1"),
        auto_enhance=_switch(said.get("autoEnhance", "true")),
        template=_template(said.get("template")),
    )
    return url, said.get("signature")


def _parameters(query: bytes) -> dict[str, str]:
    if len(query) > LONGEST_QUERY_BYTES:
        raise InvalidInput(f"The address is too long: {LONGEST_QUERY_BYTES:,} bytes are the most")
    try:
        text = query.decode("utf-8")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict"))
    except ValueError as error:
        message = f"The address must be UTF-8, percent-encoded, with {MOST_PARAMETERS} parameters at most"
        raise InvalidInput(message) from error


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCHES:
        raise InvalidInput("autoEnhance must be true or false", field="autoEnhance")
    return _SWITCHES[text.lower()]


def _template(text: str | None) -> EnhancementTemplate | None:
    if text is None:
        return None
    if text not in list(EnhancementTemplate):
        raise InvalidInput(f"template must be one of {', '.join(EnhancementTemplate)}", field="template")
    return EnhancementTemplate(text)


@dataclass(frozen=True)
class Gate:
    """What keeps visitors from having images generated: words they must not use, and signatures they must have."""

    blocked_words: Collection[str]
    secret_of: Callable[[str], str]

    def require_open(self, visit: Visit, found: Found) -> None:
        """Raises VALIDATION_ERROR for a blocked word, FORBIDDEN for what had to be signed."""
        if self._blocked is not None and self._blocked.search(visit.url.words.casefold()):
            raise InvalidInput("This prompt is not allowed here: describe another image", field="prompt")
        if found.must_be_signed and not self._is_signed(visit, str(found.project_id)):
            message = "New images of this project take a signed address: ask whoever runs the site for it"
            raise DomainError(ErrorCode.FORBIDDEN, message, field="signature")

    @cached_property
    def _blocked(self) -> re.Pattern[str] | None:
        words = [re.escape(word.strip().casefold()) for word in self.blocked_words if word.strip()]
        return re.compile(rf"\b(?:{'|'.join(words)})\b") if words else None

    def _is_signed(self, visit: Visit, project_id: str) -> bool:
        wanted = signature_of(self.secret_of(project_id), visit.scope, visit.url)
        return hmac.compare_digest(wanted.encode(), (visit.signature or "").encode())


def signature_of(secret: str, scope: str, url: LiveUrl) -> str:
    """HMAC-SHA256, hexadecimal, of five lines: scope, prompt, aspect ratio, true or false, and the template."""
    lines = [scope, url.words, url.aspect_ratio, str(url.auto_enhance).lower(), url.manner or ""]
    return hmac.digest(secret.encode(), "\n".join(lines).encode(), sha256).hex()
