"""How large a function and a module may be, so that each can be read at once."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_FUNCTION, LONGEST_MODULE = 40, 300
GENERATED = "migrations/versions/"


def test_no_function_is_longer_than_forty_lines() -> None:
    long = [
        f"{path}:{function.lineno} {function.name} has {_lines(function)} lines"
        for path in _tracked("*.py", "easel")
        for function in _functions(ROOT / path)
        if _lines(function) > LONGEST_FUNCTION
    ]
    assert not long, _told(long, f"take apart what is over {LONGEST_FUNCTION} lines")


def test_no_module_is_longer_than_three_hundred_lines() -> None:
    sizes = {path: len((ROOT / path).read_text().splitlines()) for path in _tracked("*.py", "easel", *PAGES)}
    long = [f"{path} has {lines} lines" for path, lines in sizes.items() if lines > LONGEST_MODULE]
    assert not long, _told(long, f"split what is over {LONGEST_MODULE} lines by what it is about")


PAGES = ("console/src/*.ts", "console/src/*.tsx")


def _tracked(*patterns: str) -> list[str]:
    """Files of the repository, new ones too, that people write."""
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    found = subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [path for path in found if not path.startswith(GENERATED) and (ROOT / path).is_file()]


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _told(found: list[str], advice: str) -> str:
    return "\n".join([f"{advice}:", *found])
