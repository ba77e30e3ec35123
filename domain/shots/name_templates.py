"""Templates of shot file names: what may be written into one."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from domain.errors import DomainError, ErrorCode
from domain.shots.name_fields import FIELDS, LONGEST_VERSION_WIDTH, Field, version_field

LONGEST_TEMPLATE = 200
Part = str | Field
_OPTIONAL = {"season"}
_MOST_TOLD = 5
_TOKEN = re.compile(
    rf"\{{version:0(?P<version>[1-{LONGEST_VERSION_WIDTH}])\}}|\{{(?P<field>[^{{}}]*)\}}|(?P<literal>[A-Za-z0-9_.-]+)|.",
    re.DOTALL,
)
# Names that Windows keeps to itself, whatever stands behind their first dot.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])\.", re.IGNORECASE)


def parts_of(template: str) -> tuple[Part, ...]:
    """Its literals and fields in order. Raises NOMENCLATURE_INVALID for one that gives no safe, distinct names."""
    if len(template) > LONGEST_TEMPLATE:
        raise _refusal([f"it has {len(template):,} characters; {LONGEST_TEMPLATE} is the most"])
    tokens = [(token[0], _part(token)) for token in _TOKEN.finditer(template)]
    parts = tuple(part for _, part in tokens if part is not None)
    problems = [_token_problem(text) for text, part in tokens if part is None]
    if problems := problems or [*_number_problems(parts)] or [*_place_problems(parts)]:
        raise _refusal(problems)
    return parts


def _refusal(problems: list[str]) -> DomainError:
    field = "settings.nomenclature"
    told = "; ".join(list(dict.fromkeys(problems))[:_MOST_TOLD])
    return DomainError(ErrorCode.NOMENCLATURE_INVALID, f"{field}: {told}", field=field)


def _part(token: re.Match[str]) -> Part | None:
    if token["version"]:
        return version_field(int(token["version"]))
    return token["literal"] or FIELDS.get(token["field"])


def _token_problem(text: str) -> str:
    name = text.strip("{}").partition(":")[0]
    if len(text) == 1:
        told = (
            "only stands around a field" if text in "{}" else "cannot stand in a name: use letters, digits, _ - and ."
        )
        return f"{text!r} {told}"
    if name == "version":
        return f"{text[:40]!r} has no width from 01 to {LONGEST_VERSION_WIDTH:02}: write {{version:04}}"
    if name in FIELDS:
        return f"{text[:40]!r} takes no width: write {{{name}}}"
    return f"{text[:40]!r} is not a field; known: {', '.join(FIELDS)}"


def _number_problems(parts: tuple[Part, ...]) -> Iterator[str]:
    count = Counter(part.name for part in parts if isinstance(part, Field))
    if missing := [f"{{{name}}}" for name in FIELDS if not count[name] and name not in _OPTIONAL]:
        yield f"{', '.join(missing)} must be in it"
    if repeated := [f"{{{name}}}" for name in FIELDS if count[name] > 1]:
        yield f"{', '.join(repeated)} must be in it once only"


def _place_problems(parts: tuple[Part, ...]) -> Iterator[str]:
    sample = "".join(part if isinstance(part, str) else part.sample for part in parts)
    if parts[-1] != FIELDS["ext"] or not sample.endswith(f".{FIELDS['ext'].sample}"):
        yield "it must end with .{ext}"
    if sample.startswith((".", "-")):
        yield "it must not begin with . or -"
    if ".." in sample:
        yield "it must not have two dots in a row"
    if _RESERVED.match(sample):
        yield f"it must not give names that Windows reserves, as {sample}"
    for part, following in pairwise(parts):
        begins = following if isinstance(following, str) else following.sample
        if isinstance(part, Field) and part.varying and begins[0].isdigit():
            yield f"{{{part.name}}} has no fixed length: put something that is no digit behind it, as _"
