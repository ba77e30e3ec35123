"""Pictures as values: the aspect ratios offered, and what is measured of the bytes before they are kept."""

from dataclasses import dataclass

from domain.errors import InvalidInput

ASPECT_RATIOS: dict[str, tuple[int, int]] = {
    "1:1": (1, 1),
    "2:3": (2, 3),
    "3:2": (3, 2),
    "3:4": (3, 4),
    "4:3": (4, 3),
    "4:5": (4, 5),
    "5:4": (5, 4),
    "9:16": (9, 16),
    "16:9": (16, 9),
    "21:9": (21, 9),
}


def require_aspect_ratio(text: str, field: str = "aspectRatio") -> str:
    if text not in ASPECT_RATIOS:
        raise InvalidInput(f"Invalid aspect ratio: use one of {', '.join(ASPECT_RATIOS)}", field=field)
    return text


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture that has been decoded once, whole, and measured. `width` and `height` are pixels."""

    data: bytes
    mime_type: str
    width: int
    height: int
    sha256: str

    @property
    def extension(self) -> str:
        return {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}[self.mime_type]
