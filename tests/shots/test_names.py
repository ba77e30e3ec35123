"""Names of shot files: every template that is let in writes names that are safe, distinct and can be read again."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from domain.errors import InvalidInput
from domain.projects import ProjectSettings
from domain.shots.name_fields import FIELDS, MOST_VERSION, ShotTask
from domain.shots.names import Nomenclature, ShotName, compiled, path_of, require_season_and_episode, season_of
from tests.domain.building import ANY_TEXT, refusal
from tests.domain.shot_naming import ANY_NAME, GOOD_TEMPLATES, NEARLY, TEMPLATES, TWINS

STUDIO = compiled(ProjectSettings().nomenclature)
NAME = ShotName(
    season="S02", episode="E202", sequence="SQ0010", plan="0020", task=ShotTask.AI_CONCEPT, version=1, ext="png"
)
WRITTEN = "E202_SQ0010-0020_AI-concept_v0001.png"


def test_the_studio_names_its_files_like_this() -> None:
    assert STUDIO.render(NAME) == WRITTEN
    assert (STUDIO.parse(WRITTEN), STUDIO.problem(WRITTEN)) == (NAME, "")
    assert path_of(NAME, WRITTEN) == f"S02/E202/SQ0010/{WRITTEN}"


def test_the_page_about_names_tells_the_template_and_every_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "shots.md").read_text()
    assert f"\n{STUDIO.template}\n" in page
    assert f"\n{WRITTEN}\n" in page
    assert [name for name in FIELDS if f"\n| `{{{name}}}` |" not in page] == []


@pytest.mark.parametrize(
    ("written", "more"),
    [
        ("E202_SQ0010-0020_extracted-raw_v0001.jpg", {"task": ShotTask.EXTRACTED_RAW, "ext": "jpg"}),
        ("E1001_SQ0010-0020_AI-concept_v0001.webp", {"season": "S10", "episode": "E1001", "ext": "webp"}),
        ("E001_SQ0010-0020_AI-concept_v0001.png", {"season": "S00", "episode": "E001"}),
        ("E202_SQ0010-0020_AI-concept_v9999.png", {"version": 9_999}),
        ("E202_SQ0010-0020_AI-concept_v10000.png", {"version": 10_000}),
        ("E202_SQ0010-0020_AI-concept_v999999999.png", {"version": MOST_VERSION}),
    ],
)
def test_names_of_other_shots_are_written_and_read(written: str, more: dict[str, Any]) -> None:
    name = replace(NAME, **more)
    assert (STUDIO.render(name), STUDIO.parse(written)) == (written, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "episode must be E, the number of the season and 2 digits"),
        ("E202", "'_' must stand at character 5, where the name ends"),
        ("E202-SQ0010", "'_' must stand at character 5, not '-SQ0010'"),
        ("e202_SQ0010-0020_AI-concept_v0001.png", "not 'e202': write E202"),
        ("E0101_SQ0010-0020_AI-concept_v0001.png", "episode must be .* not 'E0101'"),
        ("E20201_SQ0010-0020_AI-concept_v0001.png", "episode must be .* not 'E20201'"),
        ("E202_sq0010-0020_AI-concept_v0001.png", "sequence must be SQ and 4 digits, .* not 'sq0010': write SQ0010"),
        ("E202_SQ10-0020_AI-concept_v0001.png", "sequence must be SQ and 4 digits, as SQ0010, not 'SQ10'$"),
        ("E202_SQ00100-0020_AI-concept_v0001.png", "sequence must be SQ and 4 digits, as SQ0010, not 'SQ00100'$"),
        ("E202_SQ\u0660\u0661\u0662\u0663-0020_AI-concept_v0001.png", "sequence must be SQ and 4 digits"),
        ("E202_SQ001\uff10-0020_AI-concept_v0001.png", "sequence must be SQ and 4 digits"),
        ("E202_SQ0010-20_AI-concept_v0001.png", "plan must be 4 digits, as 0020, not '20'"),
        ("E202_SQ0010-0020_ai-concept_v0001.png", "task must be .* not 'ai-concept': write AI-concept"),
        ("E202_SQ0010-0020_Extracted-Raw_v0001.png", "task must be .*: write extracted-raw"),
        ("E202_SQ0010-0020_AI_concept_v0001.png", "task must be extracted-raw or AI-concept, not 'AI'"),
        ("E202_SQ0010-0020_AI-concept_V0001.png", "'_v' must stand at character 28, not '_V0001.png'"),
        ("E202_SQ0010-0020_AI-concept_v001.png", "version must be .* to 4 digits, not '001': write 0001"),
        ("E202_SQ0010-0020_AI-concept_v00001.png", "version must be .* not '00001': write 0001"),
        ("E202_SQ0010-0020_AI-concept_v0000.png", "version must be a number from 1 to 999,999,999, .* not '0000'$"),
        ("E202_SQ0010-0020_AI-concept_v1000000000.png", "version must be .* not '1000000000'$"),
        ("E202_SQ0010-0020_AI-concept_v0001.jpeg", "ext must be png, jpg or webp, not 'jpeg': write jpg"),
        ("E202_SQ0010-0020_AI-concept_v0001.JPEG", "not 'JPEG': write jpg"),
        ("E202_SQ0010-0020_AI-concept_v0001.PNG", "not 'PNG': write png"),
        ("E202_SQ0010-0020_AI-concept_v0001.png\n", r"ext must be png, jpg or webp, not 'png\\n'"),
        ("E202_SQ0010-0020_AI-concept_v0001.png.exe", "ext must be .* not 'png.exe'"),
        ("E202_SQ0010-0020_AI-concept_v0001", "'.' must stand at character 34, where the name ends"),
        (" E202_SQ0010-0020_AI-concept_v0001.png", "episode must be"),
        ("S02/E202/SQ0010/E202_SQ0010-0020_AI-concept_v0001.png", "episode must be .* not 'S02'"),
        ("E202_" + "x" * 251, "at most 255 bytes"),
        ("\u00e9" * 128, "at most 255 bytes"),
        ("\ud800", "episode must be"),
    ],
)
def test_a_name_that_does_not_fit_is_told_why(text: str, said: str) -> None:
    assert STUDIO.parse(text) is None
    assert re.search(said, STUDIO.problem(text)), STUDIO.problem(text)


def test_a_name_whose_season_and_episode_disagree_does_not_fit() -> None:
    both = compiled("{season}{episode}{sequence}{plan}{task}{version}.{ext}")
    assert both.parse("S02E202SQ00100020AI-concept1.png") == NAME
    assert both.parse("S01E202SQ00100020AI-concept1.png") is None
    assert both.problem("S01E202SQ00100020AI-concept1.png") == "episode E202 belongs to season S02, not S01"


@given(GOOD_TEMPLATES, ANY_NAME)
def test_whatever_is_written_is_read_again(template: Nomenclature, name: ShotName) -> None:
    written = template.render(name)
    assert template.parse(written) == name
    assert template.problem(written) == ""


@given(GOOD_TEMPLATES, TWINS)
def test_no_two_names_are_the_same_even_where_case_does_not_count(
    template: Nomenclature, twins: tuple[ShotName, ShotName]
) -> None:
    one, other = (template.render(name).casefold() for name in twins)
    assert one != other


@given(GOOD_TEMPLATES, ANY_NAME, NEARLY)
def test_a_name_has_one_spelling(template: Nomenclature, name: ShotName, mistyped: Callable[[str], str]) -> None:
    text = mistyped(template.render(name))
    found = template.parse(text)
    assert template.render(found) == text if found else template.problem(text)


@given(GOOD_TEMPLATES, ANY_TEXT)
def test_any_text_is_read_or_told_why_not(template: Nomenclature, text: str) -> None:
    assert (template.parse(text) is None) == bool(template.problem(text))
    template.problem(text).encode()


@given(GOOD_TEMPLATES, ANY_NAME)
def test_a_name_is_safe_wherever_files_are_kept(template: Nomenclature, name: ShotName) -> None:
    written = template.render(name)
    assert len(written) <= 255
    assert set(written) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
    assert not written.startswith((".", "-"))
    assert ".." not in written
    assert written.partition(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "COM9", "LPT1", "LPT9"}


@given(TEMPLATES)
def test_any_template_is_let_in_or_told_why_not(text: str) -> None:
    refused = refusal(partial(compiled, text))
    if refused:
        assert (refused.code, refused.details) == ("NOMENCLATURE_INVALID", {"field": "settings.nomenclature"})
        assert len(refused.message) < 1_000
        refused.message.encode()


def test_a_long_hostile_text_takes_no_long_time() -> None:
    """The test would not end within its limit if a text were read again from each of its places."""
    for text in ("E" * 1_000_000, "E202_SQ" + "0" * 1_000_000, "{" * 1_000_000, "{version:0" * 100_000, "a-" * 500_000):
        assert STUDIO.parse(text) is None
        assert refusal(partial(compiled, text))
    for _ in range(10_000):
        assert STUDIO.problem("E202_SQ0010-0020_" + "a-" * 119)


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"season": "S2"}, "season", "season must be S and 2 digits, as S02, not 'S2'"),
        ({"season": "s02"}, "season", "write S02"),
        ({"season": "S01"}, "episode", "episode E202 belongs to season S02, not S01: mend the one that is wrong"),
        ({"episode": "E302"}, "episode", "episode E302 belongs to season S03, not S02"),
        ({"episode": "202"}, "episode", "not '202'"),
        ({"season": "S10", "episode": "E0101"}, "episode", "not 'E0101'"),
        ({"season": "S10", "episode": "E101"}, "episode", "episode E101 belongs to season S01, not S10"),
        ({"sequence": "SQ0010/.."}, "sequence", "sequence must be SQ and 4 digits"),
        ({"plan": "0020\n"}, "plan", "plan must be 4 digits"),
        ({"task": "sketch"}, "task", "task must be extracted-raw or AI-concept, not 'sketch'"),
        ({"version": 0}, "version", "version must be a number from 1 to 999,999,999"),
        ({"version": MOST_VERSION + 1}, "version", "999,999,999"),
        ({"ext": "jpeg"}, "ext", "ext must be png, jpg or webp, not 'jpeg': write jpg"),
    ],
)
def test_a_name_says_only_what_can_be(change: dict[str, Any], field: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        replace(NAME, **change)
    assert said in refused.value.message
    assert refused.value.details["field"] == field


def test_an_episode_belongs_to_the_season_it_is_numbered_by() -> None:
    assert [season_of(episode) for episode in ("E001", "E101", "E202", "E999", "E1001", "E9912")] == [
        "S00", "S01", "S02", "S09", "S10", "S99",
    ]  # fmt: skip
    assert refusal(partial(require_season_and_episode, "S02", "E202")) is None


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("", "{episode}, {sequence}, {plan}, {task}, {version}, {ext} must be in it"),
        ("{episode}_{sequence}_{task}_{version}.{ext}", "{plan} must be in it"),
        ("{episode}_{plan}{sequence}{plan}_{task}_{version}.{ext}", "{plan} must be in it once only"),
        ("{episode}_{plan}{sequence}{task}{version:02}{ext}", "it must end with .{ext}"),
        ("{episode}_{plan}{sequence}{task}{version}.{ext}.bak", "it must end with .{ext}"),
        ("{ext}.{episode}_{plan}{sequence}{task}{version}.png", "it must end with .{ext}"),
        ("{episode}{plan}{sequence}{task}{version}.{ext}", "{episode} has no fixed length: put something that is no"),
        ("{episode}1{plan}{sequence}{task}{version}.{ext}", "{episode} has no fixed length"),
        ("{episode}{version}_{plan}{sequence}{task}.{ext}", "{episode} has no fixed length"),
        ("{episode}_{version}{plan}{sequence}{task}.{ext}", "{version} has no fixed length"),
        (".{episode}_{plan}{sequence}{task}{version}.{ext}", "it must not begin with . or -"),
        ("-{episode}_{plan}{sequence}{task}{version}.{ext}", "it must not begin with . or -"),
        ("a..{episode}_{plan}{sequence}{task}{version}.{ext}", "it must not have two dots in a row"),
        ("nul.{episode}_{plan}{sequence}{task}{version}.{ext}", "it must not give names that Windows reserves"),
        ("Com{version}.{episode}_{plan}{sequence}{task}.{ext}", "it must not give names that Windows reserves"),
        ("a/{episode}_{plan}{sequence}{task}{version}.{ext}", "'/' cannot stand in a name: use letters, digits, _ - "),
        ("..\\{episode}_{plan}{sequence}{task}{version}.{ext}", r"'\\' cannot stand in a name"),
        ("{episode} {plan}{sequence}{task}{version}.{ext}", "' ' cannot stand in a name"),
        ("\u00e9{episode}_{plan}{sequence}{task}{version}.{ext}", "'\u00e9' cannot stand in a name"),
        ("{episode}_{plan}{sequence}{task}{version}.{ext}\n", r"'\n' cannot stand in a name"),
        ("{{episode}}_{plan}{sequence}{task}{version}.{ext}", "'{' only stands around a field; '}' only stands"),
        ("{episode}_{shot}{sequence}{task}{version}.{ext}", "'{shot}' is not a field; known: season, episode, "),
        ("{episode}_{}{sequence}{task}{version}.{ext}", "'{}' is not a field"),
        ("{episode}_{version.__class__}.{ext}", "'{version.__class__}' is not a field"),
        ("{episode}_{plan:04}{sequence}{task}{version}.{ext}", "'{plan:04}' takes no width: write {plan}"),
        ("{episode}_{plan}{sequence}{task}{version:4}.{ext}", "'{version:4}' has no width from 01 to 08: write {versi"),
        ("{episode}_{plan}{sequence}{task}{version:09}.{ext}", "'{version:09}' has no width"),
        ("{episode}_{plan}{sequence}{task}{version:}.{ext}", "'{version:}' has no width"),
        ("{episode}_{plan}{sequence}{task}{version}.{ext}" + "x" * 200, "characters; 200 is the most"),
        ("{a}_{b}.{ext}", "'{a}' is not a field; known: season, episode, sequence, plan, task, version, ext; '{b}'"),
    ],
)
def test_a_template_that_gives_no_safe_distinct_names_is_refused(template: str, said: str) -> None:
    refused = refusal(partial(compiled, template))
    assert refused
    assert (refused.code, refused.details["field"]) == ("NOMENCLATURE_INVALID", "settings.nomenclature")
    assert refused.message.startswith("settings.nomenclature: ")
    assert said in refused.message
