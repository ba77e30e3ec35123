"""Whatever is sent, it is answered at once, in JSON, with a code, and is never this server's fault."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from string import ascii_lowercase

import pytest

from tests.api.asking import send, told, workflow_id
from tests.studio import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

DIGITS = "1" * 5_000
BODIES: dict[str, bytes] = {
    "a number": b"1",
    "a text": b'"x"',
    "null": b"null",
    "nothing": b"",
    "NaN": b"NaN",
    "an empty batch": b"[]",
    "a batch": b'[{"query":"{__typename}"}]',
    "a batch of numbers": b"[1]",
    "bad UTF-8": b'{"query":"\xff\xfe"}',
    "half a character": b'{"query":"\\ud800"}',
    "deep arrays": b"[" * 100_000,
    "a number of 5,000 digits": f'{{"query":"{{__typename}}","variables":{{"a":{DIGITS}}}}}'.encode(),
    "an infinite number": b'{"query":"{__typename}","variables":{"a":1e999}}',
    "no query": b"{}",
    "a null query": b'{"query":null}',
    "an empty query": b'{"query":""}',
    "a query that is a number": b'{"query":1}',
    "variables that are a list": b'{"query":"{__typename}","variables":[]}',
    "variables that are a text": b'{"query":"{__typename}","variables":"x"}',
    "extensions that are a list": b'{"query":"{__typename}","extensions":[]}',
    "an unknown operation": b'{"query":"{__typename}","operationName":"nope"}',
    "an operation named by an object": b'{"query":"{__typename}","operationName":{}}',
    "a subscription": b'{"query":"subscription{runUpdated(id:\\"x\\"){id}}"}',
}
CHAIN = "".join(f"fragment f{i} on Query{{...f{i + 1}}}" for i in range(480)) + "fragment f480 on Query{__typename}"
DOUBLED = "".join(f"fragment {a} on Query{{...{b} ...{b}}}" for a, b in pairwise(ascii_lowercase[:25]))
TOO_COMPLEX = {
    "1,000 aliases": f"{{{' '.join(f'a{i}:__typename' for i in range(1_000))}}}",
    "one field 3,900 times": f"{{{'__typename ' * 3_900}}}",
    "pairs of one field": f"{{{'project{id} ' * 300}}}",
    "20 levels": "{project{" + "organization{projects{nodes{" * 6 + "id" + "}}}" * 6 + "}}",
    "pages of pages": "{projects(first:100){nodes{runs(first:100){nodes{workflow{runs(first:100){nodes{id}}}}}}}}",
    "doubled spreads": f"{{...a}}{DOUBLED}fragment y on Query{{project{{id}}}}",
    "a chain of fragments": f"{{...f0}}{CHAIN}",
}
UNREADABLE = {
    "1,300 levels": ("{a" * 1_300 + "}" * 1_300, "GRAPHQL_PARSE_FAILED"),
    "1,500 lists": (f"{{project(id:{'[' * 1_500}{']' * 1_500}){{id}}}}", "GRAPHQL_PARSE_FAILED"),
    "too many tokens": ("{" + "a " * 5_000 + "}", "GRAPHQL_PARSE_FAILED"),
    "an Int of 5,000 digits": (f"{{projects(first:{DIGITS}){{nodes{{id}}}}}}", "GRAPHQL_VALIDATION_FAILED"),
    "two operations, none named": ("query a{__typename} query b{__typename}", "GRAPHQL_VALIDATION_FAILED"),
    "a NUL in a slug": ('{project(slug:"\\u0000"){id}}', "VALIDATION_ERROR"),
    "half a character in a slug": ('{project(slug:"\\uD800"){id}}', "GRAPHQL_PARSE_FAILED"),
}


async def test_a_body_that_is_no_operation_is_refused_with_400(client: Client) -> None:
    answers = {name: told(await send(client, body)) for name, body in BODIES.items()}
    assert answers == dict.fromkeys(BODIES, (400, "GRAPHQL_PARSE_FAILED"))


async def test_a_body_that_does_not_say_it_is_json_is_refused_with_415(client: Client) -> None:
    types = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application")
    answers = {type_: told(await send(client, b'{"query":"{__typename}"}', type_)) for type_ in types}
    assert answers == dict.fromkeys(types, (415, "UNSUPPORTED_MEDIA_TYPE"))


async def test_an_operation_that_is_too_complex_is_refused_while_others_are_served(client: Client) -> None:
    for name, query in TOO_COMPLEX.items():
        refused, served = await asyncio.gather(client.post(query), client.ask("{ viewer { kind } }"))
        assert told(refused) == (200, "QUERY_TOO_COMPLEX"), name
        assert served == {"viewer": {"kind": "api_key"}}


async def test_a_document_that_cannot_be_read_gets_its_code(client: Client) -> None:
    for name, (query, code) in UNREADABLE.items():
        assert told(await client.post(query)) == (200, code), name


async def test_whole_numbers_beyond_64_bits_are_no_input(client: Client) -> None:
    given = f'{{workflowId:"{await workflow_id(client)}",inputs:{{prompt:"x",more:{"1" * 400}}}}}'
    answer = await client.post(f"mutation{{startRun(input:{given}){{run{{id}}}}}}")
    assert told(answer) == (200, "VALIDATION_ERROR")


async def test_over_get_only_queries_are_answered(client: Client) -> None:
    queries = {"mutation{__typename}": 405, "subscription{__typename}": 400, "": 400, "{viewer{kind}}": 200}
    answers = {query: await client.http.get("/graphql", params={"query": query}) for query in queries}
    assert {query: answer.status_code for query, answer in answers.items()} == queries
    assert answers["mutation{__typename}"].headers["allow"] == "POST"
    assert answers["{viewer{kind}}"].json()["data"] == {"viewer": {"kind": "api_key"}}


async def test_a_get_that_is_malformed_is_refused_with_400(client: Client) -> None:
    malformed: list[dict[str, str]] = [{}, {"query": "{viewer{kind}}", "variables": "["}]
    malformed += [{"query": "{viewer{kind}}", "variables": text} for text in ("[1]", "1", "[" * 5_000, DIGITS)]
    for params in malformed:
        assert told(await client.http.get("/graphql", params=params))[0] == 400


async def test_a_body_over_1_mib_is_refused_whether_it_says_its_length_or_not(client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 32_768

    for body in (b" " * 1_048_577, pieces()):
        answer = await client.http.post("/graphql", content=body, headers={"content-type": "application/json"})
        assert told(answer) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_of_exactly_1_mib_is_read(client: Client) -> None:
    body = json.dumps({"query": "{__typename}"}).ljust(1_048_576)
    assert (await send(client, body)).json()["data"] == {"__typename": "Query"}
