"""The names of our packages are common words: no foreign package may be found under one of them."""

from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = sorted(path.parent.name for path in ROOT.glob("[!.]*/__init__.py"))


def test_all_packages_are_looked_at() -> None:
    assert {"app", "domain", "resolvers", "schema", "storage"} < set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_the_package_that_is_imported_is_ours(name: str) -> None:
    assert import_module(name).__file__ == str(ROOT / name / "__init__.py")
