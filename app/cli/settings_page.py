"""The page of all settings, written from the settings themselves."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.settings import Settings, variable

OPENING, CLOSING = "<!-- settings -->", "<!-- /settings -->"
_HEAD = "# Settings\n\nEvery setting is a variable of the environment. Nothing set means: everything embedded.\n\n"


def settings_table() -> str:
    """A Markdown table: variable, default, meaning."""
    fields = Settings.model_fields.items()
    rows = [f"| `{variable(name)}` | {_default(field)} | {field.description} |" for name, field in fields]
    return "\n".join(["| Variable | Default | Meaning |", "|---|---|---|", *rows]) + "\n"


def settings_page() -> str:
    return _HEAD + settings_table()


def with_settings(text: str) -> str:
    """The text with the table between its markers, where it has any."""
    before, opening, rest = text.partition(OPENING)
    _, closing, after = rest.partition(CLOSING)
    return f"{before}{opening}\n{settings_table()}{closing}{after}" if closing else text


def write_settings(root: Path) -> list[Path]:
    """Write docs/settings.md, and the table in README.md; the files that are now as they should be."""
    page, readme = root / "docs" / "settings.md", root / "README.md"
    page.write_text(settings_page())
    if not readme.exists() or OPENING not in readme.read_text():
        return [page]
    readme.write_text(with_settings(readme.read_text()))
    return [page, readme]


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return "" if value in (None, ()) or not text else f"`{text}`"
