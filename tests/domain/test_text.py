"""Names, labels and slugs."""

import pytest
from hypothesis import given

from domain.errors import InvalidInput
from domain.projects import CreateProject
from domain.text import require_length, require_slug, slug_of
from tests.domain.building import ANY_TEXT


@pytest.mark.parametrize("text", ["a", "é" * 200, " a ", "🎨"])
def test_a_name_is_kept_as_it_is_written(text: str) -> None:
    assert require_length(text, "name", longest=200) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must not be empty"), (" \t\n", "must not be empty"), ("x" * 201, "has 201 characters; 200 is the most"),
        ("a\x00b", "NUL"), ("\ud800", "half surrogate"), ("x" * 1_000_000, "has 1,000,000 characters"),
    ],
)  # fmt: skip
def test_a_name_of_another_length_or_kind_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        require_length(text, "name", longest=200)
    assert refused.value.details["field"] == "name"


@pytest.mark.parametrize("slug", ["a", "7", "hero-image", "a--b", "a" * 63])
def test_a_slug_is_lower_case_letters_digits_and_hyphens(slug: str) -> None:
    assert require_slug(slug) == slug


@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a_b", "a b", "é", "a\n", "a" * 64, "\x00", "../a"])
def test_anything_else_is_no_slug(slug: str) -> None:
    with pytest.raises(InvalidInput, match="slug must be 1 to 63 lower-case letters"):
        require_slug(slug)


@pytest.mark.parametrize(
    ("name", "slug"), [("Website", "website"), ("  My 2nd  Site! ", "my-2nd-site"), ("x" * 80, "x" * 63), ("日本", "")]
)
def test_a_slug_reads_like_the_name(name: str, slug: str) -> None:
    assert slug_of(name) == slug


def test_a_name_that_gives_no_slug_asks_for_one() -> None:
    with pytest.raises(InvalidInput) as refused:
        CreateProject(name="日本")
    assert refused.value.details["field"] == "slug"
    assert CreateProject(name="日本", slug="japan").resulting_slug == "japan"


@given(ANY_TEXT)
def test_what_is_made_of_a_name_is_a_slug_or_nothing(name: str) -> None:
    slug = slug_of(name)
    assert slug == "" or require_slug(slug) == slug
