"""What names of shot files are made of, and how each part of one is written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

MOST_VERSION = 999_999_999
LONGEST_VERSION_WIDTH = 8
EXTENSIONS = ("png", "jpg", "webp")


class ShotTask(StrEnum):
    """Which picture of a shot a file is: the one that was brought, or the one that was made of it."""

    EXTRACTED_RAW = "extracted-raw"
    AI_CONCEPT = "AI-concept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """
    One part of a name.

    `pattern` matches as much as it can, and whatever follows a part of `varying` length is no digit: so there is one
    way to read a name. `shape` says it in words, `sample` is one; `meant` guesses what a text that does not fit was
    meant to be. Numbers are filled up with zeros to `width`.
    """

    name: str
    pattern: re.Pattern[str]
    shape: str
    sample: str
    meant: Callable[[str], str] = str.upper
    looks_like: re.Pattern[str] = re.compile(r"[^\W\d_]*\d*")
    varying: bool = False
    width: int = 0

    def written(self, value: object) -> str:
        return str(value).zfill(self.width)

    def at(self, text: str, place: int) -> str | None:
        """What stands there, if it is written as this is."""
        found = self.pattern.match(text, place)
        return found[0] if found else None

    def problem(self, text: str) -> str:
        """Why it is not written as this is; empty where it is."""
        if self.pattern.fullmatch(text):
            return ""
        meant = self.meant(text)
        hint = f": write {meant}" if self.pattern.fullmatch(meant) else ""
        return f"{self.name} must be {self.shape}, not {text[:40]!r}{hint}"

    def problem_at(self, text: str, place: int) -> str:
        """What is wrong with what stands there, as far as it looks like one of these."""
        found = self.looks_like.match(text, place)
        return self.problem(found[0] if found else "")


def _meant_task(text: str) -> str:
    return {"ai-concept": ShotTask.AI_CONCEPT}.get(text.lower(), text.lower())


def _meant_extension(text: str) -> str:
    return {"jpeg": "jpg"}.get(text.lower(), text.lower())


def version_field(width: int = 0) -> Field:
    """A version of at least so many digits: 1 is v0001 where they are four, and 10000 is v10000."""
    digits = max(width, 1)
    longer = rf"[1-9][0-9]{{{digits},{len(str(MOST_VERSION)) - 1}}}"
    zeros = f"filled up with zeros to {digits} digits" if digits > 1 else "without zeros before it"
    return Field(
        name="version",
        pattern=re.compile(rf"{longer}|(?=0*[1-9])[0-9]{{{digits}}}"),
        shape=f"a number from 1 to {MOST_VERSION:,}, {zeros}",
        sample="1".zfill(digits),
        meant=lambda text: text.lstrip("0").zfill(digits),
        looks_like=re.compile(r"\d*"),
        varying=True,
        width=digits,
    )


FIELDS = {
    field.name: field
    for field in (
        Field(name="season", pattern=re.compile("S[0-9]{2}"), shape="S and 2 digits, as S02", sample="S02"),
        Field(
            name="episode",
            pattern=re.compile("E(?:[1-9][0-9]{3}|[0-9]{3})"),
            shape="E, the number of the season and 2 digits, as E202 in S02 or E1001 in S10",
            sample="E202",
            varying=True,
        ),
        Field(name="sequence", pattern=re.compile("SQ[0-9]{4}"), shape="SQ and 4 digits, as SQ0010", sample="SQ0010"),
        Field(name="plan", pattern=re.compile("[0-9]{4}"), shape="4 digits, as 0020", sample="0020"),
        Field(
            name="task",
            pattern=re.compile("|".join(ShotTask)),
            shape=" or ".join(ShotTask),
            sample=ShotTask.AI_CONCEPT,
            meant=_meant_task,
            looks_like=re.compile(r"[^\W\d_]*(?:-[^\W\d_]+)*"),
        ),
        version_field(),
        Field(
            name="ext",
            pattern=re.compile("|".join(EXTENSIONS)),
            shape="png, jpg or webp",
            sample="png",
            meant=_meant_extension,
            looks_like=re.compile(r".*", re.DOTALL),
        ),
    )
}
