"""Names of images: what they look like, and which are taken."""

import pytest

from domain.aliases import RESERVED, is_alias, require_alias
from domain.errors import DomainError


@pytest.mark.parametrize("alias", ["@a", "@hero", "@product-main", "@image_1", "@" + "x" * 49, "@LAST_one", "@-", "@0"])
def test_an_alias_is_an_at_and_plain_characters(alias: str) -> None:
    assert require_alias(alias) == alias


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "hero",
        "@@hero",
        "@he ro",
        "@hero\n",
        "@hero/",
        "@hé",
        "@\uff28\uff25\uff32\uff2f",
        "@\uff48",
        "@" + "x" * 50,
        "@a.b",
        "@\u0430",
        "@%00",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_alias(text)
    with pytest.raises(DomainError) as refused:
        require_alias(text)
    assert (refused.value.code, refused.value.message) == ("ALIAS_INVALID", "alias_format_check")
    assert refused.value.details["field"] == "alias"


@pytest.mark.parametrize("alias", sorted([*RESERVED, "@LAST", "@First"]))
def test_what_is_computed_or_may_be_one_day_is_given_to_nobody(alias: str) -> None:
    assert is_alias(alias)
    with pytest.raises(DomainError) as refused:
        require_alias(alias)
    assert refused.value.code == "ALIAS_RESERVED"
