"""Any shots, any templates for the names of their files, and slips of the pen."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hypothesis import strategies as st

from domain.shots.name_fields import EXTENSIONS, MOST_VERSION, ShotTask
from domain.shots.names import Nomenclature, ShotName, compiled
from tests.domain.building import ANY_TEXT, refusal

_FIELDS = ("{season}", "{episode}", "{sequence}", "{plan}", "{task}")
_LITERALS = st.sampled_from(["", "", "_", "-", ".", "v", "E", "SQ", "S0", "AI-", "x1", "0", "1", "png", "com", "9_"])
_VERSIONS = st.sampled_from(["{version}", *(f"{{version:0{width}}}" for width in range(1, 9))])
_PIECES = _LITERALS | _VERSIONS | st.sampled_from([*_FIELDS, "{ext}", ".{ext}", "{", "}", "{x}", "/", " "])
_LETTERS = st.sampled_from("0123456789_-.aAeEsSqQvxX /\n\u0660\uff10\u017f")


@st.composite
def _orders(draw: st.DrawFn) -> str:
    """A template with every field once, in any order, and anything between them."""
    version = draw(_VERSIONS)
    fields = [field for field in (*_FIELDS, version) if field != "{season}" or draw(st.booleans())]
    return "".join(draw(_LITERALS) + field for field in draw(st.permutations(fields))) + ".{ext}"


TEMPLATES = _orders() | st.lists(_PIECES, max_size=20).map("".join) | ANY_TEXT


def _is_good(template: str) -> bool:
    return refusal(partial(compiled, template)) is None


GOOD_TEMPLATES: st.SearchStrategy[Nomenclature] = _orders().filter(_is_good).map(compiled)


@st.composite
def _names(draw: st.DrawFn) -> ShotName:
    season, digits = draw(st.integers(0, 99)), st.integers(0, 9_999)
    return ShotName(
        season=f"S{season:02}",
        episode=f"E{season}{draw(st.integers(0, 99)):02}",
        sequence=f"SQ{draw(digits):04}",
        plan=f"{draw(digits):04}",
        task=draw(st.sampled_from(ShotTask)),
        version=draw(st.integers(1, 99) | st.integers(9_990, 10_010) | st.integers(1, MOST_VERSION)),
        ext=draw(st.sampled_from(EXTENSIONS)),
    )


ANY_NAME = _names()


@st.composite
def _twins(draw: st.DrawFn) -> tuple[ShotName, ShotName]:
    """Two names that differ in one thing they say."""
    one, other = draw(ANY_NAME), draw(ANY_NAME)
    differing = draw(st.sampled_from([("season", "episode"), *((f,) for f in ("sequence", "plan", "task", "version"))]))
    return one, replace(one, **{field: getattr(other, field) for field in differing})


TWINS = _twins().filter(lambda names: names[0] != names[1])


@st.composite
def _slips(draw: st.DrawFn) -> Callable[[str], str]:
    """One character too many, too few or another one, or another case."""
    place, letter, length = draw(st.integers(0, 60)), draw(_LETTERS), draw(st.integers(0, 1))
    change = draw(st.sampled_from([str.swapcase, str.upper, str.lower, None, None, None]))
    return change or (lambda text: text[:place] + letter + text[place + length :])


@st.composite
def _omissions(draw: st.DrawFn) -> Callable[[str], str]:
    place = draw(st.integers(0, 60))
    return lambda text: text[:place] + text[place + 1 :]


NEARLY = _slips() | _omissions()
