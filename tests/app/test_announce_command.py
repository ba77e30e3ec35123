"""`easel announce`, and the keys that may do the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.parts import Parts
from app.seed import development_key
from domain.api_keys import ApiKey
from domain.ports import Command
from tests.faults.processes import Home
from tests.studio import tenant


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Home:
    return Home(tmp_path, {"EASEL_DATABASE_URL": database_url})


def test_an_operator_announces_lists_and_ends(home: Home) -> None:
    now = home.run("announce", "We close at eight", "--level", "warning", "--ends", "2032-01-01T20:00+01:00")
    assert now.returncode == 0, now.stderr
    later = home.run("announce", "And at nine tomorrow", "--starts", "2031-12-01T00:00Z")
    first, second = now.stdout.split()[0], later.stdout.split()[0]
    listed = home.run("announce", "--list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [second, first]
    assert listed[1].startswith(f"{first}  warning   from 20")
    assert listed[1].endswith(" to 2032-01-01T19:00:00.000Z  We close at eight")
    assert listed[0].endswith("  info      from 2031-12-01T00:00:00.000Z until it is ended  And at nine tomorrow")
    for _ in range(2):
        assert home.run("announce", "--end", first).returncode == 0
    assert [line.split()[0] for line in home.run("announce", "--list").stdout.splitlines()] == [second]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((), "--list"),
        (("Hello", "--list"), "--list"),
        (("Hello", "--level", "loud"), "info, warning, critical"),
        (("Hello", "--starts", "soon"), "--starts"),
        (("Hello", "--ends", "2020-01-01"), "endsAt"),
        (("--end", "x"), "no such announcement"),
    ],
    ids=str,
)
def test_what_cannot_be_announced_is_told_in_one_sentence(home: Home, wrong: tuple[str, ...], words: str) -> None:
    told = home.run("announce", *wrong)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
    assert words in told.stderr


async def scopes_of(parts: Parts, api_key: str) -> list[str]:
    return sorted((await parts.identity.of(api_key, None, "")).scopes)


async def test_the_key_of_the_example_may_announce_and_others_where_it_is_asked_for(parts: Parts) -> None:
    ours, theirs = await tenant(parts), await tenant(parts, "rival", "spy")
    assert await scopes_of(parts, ours.key.apiKey) == ["*", "announcements:write"]
    assert await scopes_of(parts, theirs.key.apiKey) == ["*"]
    asked = await development_key(parts, "rival", "spy", "", announces=True)
    assert await scopes_of(parts, asked.apiKey) == ["*", "announcements:write"]
    assert (await tenant(parts, "rival", "spy")).key.apiKey == asked.apiKey
    assert await scopes_of(parts, theirs.key.apiKey) == ["*"]  # which goes on opening what it did


async def test_a_kept_key_from_before_is_replaced_by_one_that_may_announce(parts: Parts) -> None:
    before = await tenant(parts)
    (row,) = await parts.studio.reads.many(ApiKey, before.actor)
    async with parts.database.begin(before.actor, Command[Any](), None) as tx:
        tx.save(replace(row, scopes=("*",)))
    parts.identity._remembered.clear()
    after = await tenant(parts)
    assert after.key.apiKey != before.key.apiKey
    assert await scopes_of(parts, after.key.apiKey) == ["*", "announcements:write"]
