"""Every feature flag is documented, as it is."""

from pathlib import Path

import pytest

from domain.flags import FLAGS, Flag

PAGE = (Path(__file__).parents[2] / "docs" / "flags.md").read_text()


def test_every_flag_has_its_meaning() -> None:
    assert set(FLAGS) == set(Flag)


@pytest.mark.parametrize("flag", FLAGS)
def test_the_page_of_flags_has_it_as_it_is(flag: Flag) -> None:
    meaning = FLAGS[flag]
    whose = "the project's, the server's" if meaning.per_project else "the server's"
    default = "true" if meaning.default else "false"
    assert f"| `{flag}` | true, false | {default} | {whose} | {meaning.says} |" in PAGE
