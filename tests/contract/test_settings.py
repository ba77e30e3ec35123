"""Every setting is documented, from the settings themselves."""

from pathlib import Path

import pytest

from app.cli.settings_page import CLOSING, OPENING, settings_page, settings_table, with_settings
from app.settings import Settings, variable

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_means(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description, f"describe {name}"
    assert description.endswith(".")
    assert f"| `{variable(name)}` |" in settings_table()


def test_the_page_of_settings_is_as_the_settings_are() -> None:
    written = (ROOT / "docs" / "settings.md").read_text()
    assert written == settings_page(), "the settings have changed: run ./easel settings"


def test_the_readme_has_the_settings_as_they_are() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme == with_settings(readme), "the settings have changed: run ./easel settings"


def test_only_what_stands_between_the_markers_is_written() -> None:
    text = f"Before\n{OPENING}\nold\n{CLOSING}\nAfter\n"
    written = with_settings(text)
    assert written == f"Before\n{OPENING}\n{settings_table()}{CLOSING}\nAfter\n"
    assert with_settings(written) == written
    assert with_settings("No markers\n") == "No markers\n"


def test_the_table_shows_no_secret_and_breaks_at_no_bar() -> None:
    assert {line.count("|") for line in settings_table().splitlines()} == {4}
