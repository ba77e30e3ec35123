"""The input, output and temp directories: input and output outlive the process, temp does not."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

KINDS = ("input", "output", "temp")
_ANNOTATED = re.compile(r"^(?P<name>.*) \[(?P<kind>input|output|temp)\]$", re.DOTALL)


class OutsideError(Exception):
    """A path that leaves its directory."""


@dataclass(frozen=True, slots=True)
class Folders:
    root: Path

    def create(self) -> None:
        shutil.rmtree(self.root / "temp", ignore_errors=True)
        for kind in KINDS:
            (self.root / kind).mkdir(parents=True, exist_ok=True)

    def wipe(self) -> None:
        for kind in KINDS:
            shutil.rmtree(self.root / kind, ignore_errors=True)
        self.create()

    def inside(self, kind: str, *parts: str) -> Path:
        """The path of these parts in the directory of `kind`; OutsideError where it leaves that."""
        base = self.root / kind
        path = Path(os.path.normpath(base.joinpath(*parts)))
        if not path.is_relative_to(base):
            raise OutsideError(str(path))
        return path

    def loaded(self, name: str) -> Path:
        """What LoadImage reads for a name, which may end in ` [output]`. As the real one, it takes absolute paths."""
        name, kind = annotated(name, "input")
        return Path(name) if name.startswith("/") else self.inside(kind, name)

    def uploaded(self) -> list[str]:
        return sorted(path.name for path in (self.root / "input").iterdir() if path.is_file())

    def next_counter(self, directory: Path, stem: str) -> int:
        numbered = re.compile(rf"{re.escape(stem)}_(\d+)_")
        found = [match for path in directory.iterdir() if (match := numbered.match(path.name))]
        return max((int(match[1]) for match in found), default=0) + 1


def annotated(name: str, default: str) -> tuple[str, str]:
    """`x.png [input]` apart."""
    match = _ANNOTATED.match(name)
    return (match["name"], match["kind"]) if match else (name, default)
