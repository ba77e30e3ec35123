"""Feature flags: who says what is on, and in which order they are heard."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from domain.errors import InvalidInput
from domain.flags import FLAGS, Flag
from domain.projects import ProjectSettings
from gateway.flags import LARGEST_FILE_BYTES, StudioFlags, read_flags

OFF = {"step-cache": False}


def project(**flags: Any) -> dict[str, Any]:
    """What a project says, once its settings were checked."""
    asked = {name.replace("_", "-"): on for name, on in flags.items()}
    return ProjectSettings().changed({"featureFlags": asked}).feature_flags


def written(tmp_path: Path, content: Any) -> Path:
    path = tmp_path / "flags.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("flag", Flag)
def test_a_flag_that_nobody_sets_has_its_default(flag: Flag) -> None:
    assert StudioFlags({}).is_on(flag) is StudioFlags({}).is_on(flag, project()) is FLAGS[flag].default


def test_the_file_goes_before_the_default(tmp_path: Path) -> None:
    flags = StudioFlags(read_flags(written(tmp_path, dict.fromkeys(Flag, False))))
    assert not any(flags.is_on(flag) for flag in Flag)


@pytest.mark.parametrize(("of_server", "of_project"), [({}, False), ({"step-cache": True}, False), (OFF, True)])
def test_a_project_goes_before_the_file(of_server: dict[str, bool], of_project: bool) -> None:  # noqa: FBT001 - a value
    flags = StudioFlags(of_server)
    assert flags.is_on(Flag.STEP_CACHE, project(step_cache=of_project)) is of_project
    assert flags.is_on(Flag.STEP_CACHE, project()) is of_server.get("step-cache", True)


def test_a_project_says_nothing_of_what_is_the_servers() -> None:
    """Not even one whose settings were kept before flags were checked."""
    old = {"introspection": False, "step-cache": "no"}
    assert StudioFlags({}).is_on(Flag.INTROSPECTION, old)
    assert not StudioFlags(OFF).is_on(Flag.STEP_CACHE, old)


def test_two_servers_in_one_process_have_flags_of_their_own() -> None:
    off, on = StudioFlags(OFF), StudioFlags({})
    assert (off.is_on(Flag.STEP_CACHE), on.is_on(Flag.STEP_CACHE)) == (False, True)


def test_an_unknown_flag_in_the_file_is_warned_about_with_those_that_are_known(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert read_flags(written(tmp_path, {**OFF, "warp-drive": True})) == OFF
    (warning,) = logs
    assert (warning["log_level"], warning["flag"]) == ("warning", "warp-drive")
    assert warning["known"] == ["step-cache", "introspection", "source-mark"]


def test_without_a_file_nothing_is_set() -> None:
    with capture_logs() as logs:
        assert read_flags(None) == {}
    assert logs == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        (" " * LARGEST_FILE_BYTES + "{}", "is not JSON, or above 65,536 bytes"),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "is not JSON"),
        ([], "must be a JSON object"),
        ("null", "must be a JSON object"),
        ({"step-cache": "off"}, "step-cache must be true or false"),
        ({"step-cache": 0}, "step-cache must be true or false"),
        ({"introspection": None}, "introspection must be true or false"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told_in_one_sentence(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as told:
        read_flags(written(tmp_path, content))
    assert told.value.message.startswith("EASEL_FLAGS_FILE: ")
    assert words in told.value.message
    assert "\n" not in told.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(InvalidInput, match=r"EASEL_FLAGS_FILE: .* cannot be read: "):
            read_flags(path)
