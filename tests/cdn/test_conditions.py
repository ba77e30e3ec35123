"""Conditions and ranges, each as RFC 9110 has it."""

import pytest

from rest.conditions import Part, part_of

ETAG = b'"abc"'
WHOLE = Part(200, 0, 1_000)  # type: ignore[arg-type]


def asked(method: str = "GET", **headers: str) -> tuple[int, int, int]:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    part = part_of(method, given, ETAG, 1_000)
    return part.status, part.start, part.end


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("bytes=0-0", (206, 0, 1)),
        ("bytes=0-499", (206, 0, 500)),
        ("bytes=500-", (206, 500, 1_000)),
        ("bytes=-1", (206, 999, 1_000)),
        ("bytes=-5000", (206, 0, 1_000)),
        ("bytes=999-5000", (206, 999, 1_000)),
        ("bytes=0-99999999999999999999", (206, 0, 1_000)),
        ("BYTES=0-1 ", (206, 0, 2)),
        ("bytes=1000-", (416, 0, 0)),
        ("bytes=5000-6000", (416, 0, 0)),
        ("bytes=-0", (416, 0, 0)),
    ],
)
def test_one_range_is_answered_with_its_bytes(text: str, part: tuple[int, int, int]) -> None:
    assert asked(range=text) == part


@pytest.mark.parametrize(
    "text", ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes=1 -2",
             "bytes=--1", "bytes=0x1-2", f"bytes={'9' * 5_000}-", "bytes=\u00b2-"],
)  # fmt: skip
def test_what_is_not_one_range_is_answered_with_the_whole(text: str) -> None:
    assert asked(range=text) == (200, 0, 1_000)


def test_a_range_is_for_get_alone() -> None:
    assert asked("HEAD", range="bytes=0-1") == (200, 0, 1_000)


@pytest.mark.parametrize(
    ("tag", "status"),
    [('"abc"', 206), ('"other"', 200), ('W/"abc"', 200), ("Sun, 06 Nov 1994 08:49:37 GMT", 200), ("", 200)],
)
def test_a_part_goes_only_to_whoever_has_the_rest_of_the_same_bytes(tag: str, status: int) -> None:
    assert asked(range="bytes=0-1", if_range=tag)[0] == status


@pytest.mark.parametrize(
    ("tags", "status"),
    [('"abc"', 304), ('W/"abc"', 304), ('"x", W/"abc"', 304), ("*", 304), ('"x"', 200), ("abc", 200), ("", 200)],
)
def test_who_names_the_bytes_weakly_or_not_has_them(tags: str, status: int) -> None:
    assert asked(if_none_match=tags)[0] == status


@pytest.mark.parametrize(
    ("tags", "status"), [('"abc"', 200), ('"x", "abc"', 200), ("*", 200), ('W/"abc"', 412), ('"x"', 412), ("", 412)]
)
def test_who_insists_on_bytes_gets_those_or_none(tags: str, status: int) -> None:
    assert asked(if_match=tags)[0] == status


def test_having_the_bytes_goes_before_a_range_and_insisting_before_both() -> None:
    assert asked(if_none_match=ETAG.decode(), range="bytes=0-1")[0] == 304
    assert asked(if_match='"x"', if_none_match=ETAG.decode(), range="bytes=0-1")[0] == 412


def test_what_is_said_in_two_lines_is_one_list() -> None:
    assert part_of("GET", [(b"if-none-match", b'"x"'), (b"if-none-match", ETAG)], ETAG, 1).status == 304
