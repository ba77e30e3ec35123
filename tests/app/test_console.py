"""What a browser gets when it asks for GraphiQL."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.console import console_routes

PAGE = "<!doctype html><title>GraphiQL</title>"


def _built(dist: Path) -> Path:
    (dist / "assets").mkdir(parents=True)
    (dist / "graphiql.html").write_text(PAGE)
    for name in ("graphiql-1a2b.js", "graphiql-3c4d.css", "codicon-5e6f.ttf"):
        (dist / "assets" / name).write_text(name)
    return dist


def _client(dist: Path) -> TestClient:
    return TestClient(Starlette(routes=console_routes(dist)))


def test_graphiql_may_load_and_reach_nothing_but_its_own_origin(tmp_path: Path) -> None:
    response = _client(_built(tmp_path / "dist")).get("/graphiql")

    assert (response.status_code, response.text) == (200, PAGE)
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert policy.pop("style-src") == "'self' 'unsafe-inline'"
    assert {policy.pop(directive) for directive in ("img-src", "font-src")} == {"'self' data:"}
    assert {policy.pop(directive) for directive in ("script-src", "worker-src", "connect-src")} == {"'self'"}
    assert policy == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")


def test_graphiql_is_neither_sniffed_nor_kept_nor_named_to_other_sites(tmp_path: Path) -> None:
    headers = _client(_built(tmp_path / "dist")).get("/graphiql").headers

    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("graphiql-1a2b.js", "text/javascript; charset=utf-8"),
        ("graphiql-3c4d.css", "text/css; charset=utf-8"),
        ("codicon-5e6f.ttf", "font/ttf"),
    ],
)
def test_assets_are_kept_for_good_under_their_media_type(tmp_path: Path, name: str, media_type: str) -> None:
    response = _client(_built(tmp_path / "dist")).get(f"/console/assets/{name}")

    assert (response.status_code, response.text) == (200, name)
    assert response.headers["content-type"] == media_type
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_an_asset_the_browser_has_is_not_sent_again(tmp_path: Path) -> None:
    client = _client(_built(tmp_path / "dist"))
    first = client.get("/console/assets/graphiql-1a2b.js")

    again = client.get("/console/assets/graphiql-1a2b.js", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == first.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "missing.js",
        "../graphiql.html",
        "%2e%2e/graphiql.html",
        "..%2f..%2fsecret.txt",
        "%2fetc%2fpasswd",
        "link.txt",
        "graphiql-1a2b.js%00.css",
    ],
)
def test_nothing_but_the_assets_is_served(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    dist = _built(tmp_path / "dist")
    (dist / "assets" / "link.txt").symlink_to(tmp_path / "secret.txt")

    response = _client(dist).get(f"/console/assets/{path}")

    assert (response.status_code, response.text) == (404, "Not Found")


def test_an_absent_console_says_how_to_build_it(tmp_path: Path) -> None:
    client = _client(tmp_path / "dist")

    page = client.get("/graphiql")

    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0
    assert "./easel console" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/console/assets/graphiql-1a2b.js").status_code == 404


def test_a_console_built_while_serving_appears(tmp_path: Path) -> None:
    client = _client(tmp_path / "dist")
    assert client.get("/graphiql").status_code == 503
    assert client.get("/console/assets/graphiql-1a2b.js").status_code == 404

    _built(tmp_path / "dist")

    assert client.get("/graphiql").text == PAGE
    assert client.get("/console/assets/graphiql-1a2b.js").status_code == 200
