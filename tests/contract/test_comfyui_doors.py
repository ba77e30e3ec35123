"""Files, foreign pages, large bodies and older versions, at the ComfyUI of the tests as at a real one."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image

from tests.contract.comfyui_talking import Talk, image, png, sampled, save, slow, talking
from tests.servers.comfyui_process import start_comfyui


async def test_an_uploaded_name_that_is_taken_gets_a_number(talk: Talk) -> None:
    steps = [(0, {}), (0, {}), (1, {}), (2, {}), (1, {}), (3, {"overwrite": "true"}), (4, {"overwrite": "True"})]
    names = [(await talk.upload("u.png", png(color), **fields)).json()["name"] for color, fields in steps]
    assert names == ["u.png", "u.png", "u (1).png", "u (2).png", "u (1).png", "u.png", "u (3).png"]


@pytest.mark.parametrize(
    ("name", "fields", "status", "told"),
    [
        ("x.png", {"subfolder": "a/b"}, 200, {"name": "x.png", "subfolder": "a/b", "type": "input"}),
        ("x.png", {"type": "temp"}, 200, {"name": "x.png", "subfolder": "", "type": "temp"}),
        ("x.txt", {}, 200, {"name": "x.txt", "subfolder": "", "type": "input"}),
        ("é wörld.png", {}, 200, {"name": "é wörld.png", "subfolder": "", "type": "input"}),
        ("x.png", {"subfolder": "../../evil"}, 400, None),
        ("../../x.png", {}, 400, None),
        ("/etc/x.png", {}, 500, None),
        ("a/x.png", {}, 500, None),
        ("x.png", {"type": "bogus"}, 500, None),
    ],
)
async def test_an_upload_is_told_where_it_lies(
    talk: Talk, name: str, fields: dict[str, str], status: int, told: dict[str, str] | None
) -> None:
    answer = await talk.upload(name, png(), **fields)
    assert answer.status_code == status
    if told is not None:
        assert answer.json() == told
        found = await talk.view({"filename": told["name"], "subfolder": told["subfolder"], "type": told["type"]})
        assert found.content == png()


@pytest.mark.parametrize(
    "body", [{"files": {"file": ("x.png", b"x")}}, {"data": {"subfolder": "x"}}, {"content": b"raw"}, {"json": {}}]
)
async def test_an_upload_without_a_picture_is_refused(talk: Talk, body: dict[str, Any]) -> None:
    assert (await talk.http.post("/upload/image", **body)).status_code == 400


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filename=x.png&type=input&subfolder=a", 200),
        ("filename=x.png [input]&subfolder=a", 200),
        ("filename=x.png&type=input&subfolder=a/../a", 200),
        ("filename=a/x.png&type=input", 404),
        ("filename=x.png&subfolder=a", 404),
        ("filename=nope.png", 404),
        ("type=input", 404),
        ("filename=", 400),
        ("filename=x.png&type=bogus", 400),
        ("filename=/etc/passwd", 400),
        ("filename=..%2Fmain.py", 400),
        ("filename=a..b.png", 400),
        ("filename=x.png&subfolder=..", 403),
        ("filename=x.png&subfolder=/etc", 403),
        ("filename=x.txt&type=input&preview=webp", 500),
    ],
)
async def test_a_file_is_viewed_only_where_it_may_be(talk: Talk, query: str, status: int) -> None:
    await talk.upload("x.png", png(), subfolder="a")
    await talk.upload("x.txt", b"hello")
    assert (await talk.http.get(f"/view?{query}")).status_code == status


async def test_a_viewed_file_can_be_had_in_parts_and_in_other_shapes(talk: Talk) -> None:
    await talk.upload("x.png", png())
    await talk.upload("x.html", b"<script>")
    x = {"filename": "x.png", "type": "input"}
    part = await talk.http.get("/view", params=x, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, png()[:10])
    head = await talk.http.head("/view", params=x)
    assert head.headers["content-disposition"] == 'filename="x.png"'
    assert {"etag", "last-modified", "accept-ranges"} <= set(head.headers)
    for shape, mime in (({"preview": "webp;50"}, "image/webp"), ({"preview": "jpeg"}, "image/jpeg")):
        assert (await talk.view({**x, **shape})).headers["content-type"] == mime
    html = await talk.view({"filename": "x.html", "type": "input"})
    assert html.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("POST", "/nope", 405),
        ("GET", "/interrupt", 404),
        ("PUT", "/prompt", 405),
        ("GET", "/jobs", 404),
        ("GET", "/api/history_v2", 404),
        ("OPTIONS", "/prompt", 200),
        ("GET", "/api/queue", 200),
        ("GET", "/models/nope", 404),
        ("GET", "/api/system_stats", 200),
    ],
)
async def test_an_unknown_path_answers_as_one_of_a_static_folder(
    talk: Talk, method: str, path: str, status: int
) -> None:
    answer = await talk.http.request(method, path)
    assert answer.status_code == status
    if status == 405:
        assert (answer.text, "GET,HEAD" in answer.headers["allow"]) == ("405: Method Not Allowed", True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:9"}, 403),
        ({"Origin": "http://localhost:{port}"}, 403),
        ({"Origin": "http://127.0.0.1:{port}"}, 200),
        ({"Origin": "null"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"}, 200),
    ],
)
async def test_pages_of_others_are_refused(talk: Talk, headers: dict[str, str], status: int) -> None:
    sent = {name: value.replace("{port}", str(talk.server.port)) for name, value in headers.items()}
    answer = await talk.http.get("/queue", headers=sent)
    assert answer.status_code == status
    assert status == 200 or answer.content == b""


async def test_what_it_is_made_of_is_told(talk: Talk) -> None:
    await talk.upload("x.png", png())
    assert (await talk.get("/object_info/LoadImage"))["LoadImage"]["input"]["required"]["image"][0] == ["x.png"]
    assert await talk.get("/object_info/Nope") == {}
    assert len(await talk.get("/object_info")) == 15
    assert (await talk.get("/system_stats"))["system"]["comfyui_version"] == "0.26.0"
    assert (await talk.get("/features"))["max_upload_size"] == 104857600
    assert await talk.get("/models/checkpoints") == ["madsea.safetensors", "labo.safetensors"]


async def test_equal_inputs_give_equal_pixels_and_any_other_input_others(talk: Talk) -> None:
    await talk.upload("a.png", png(1))
    await talk.upload("b.png", png(2))
    first = await talk.picture(sampled())
    await talk.http.post("/free", json={"free_memory": True})
    assert (first.size, (await talk.picture(sampled(prefix="elsewhere"))).tobytes()) == ((64, 48), first.tobytes())
    graphs = [
        sampled(text="a ship"),
        sampled(seed=8),
        sampled(steps=4),
        sampled(cfg=6.0),
        sampled(strength_model=0.5),
        sampled("a.png"),
        sampled("b.png"),
    ]
    pictures = [first, *[await talk.picture(graph) for graph in graphs]]
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert pictures[-1].size == (32, 24)


async def test_a_saved_picture_carries_its_graph(talk: Talk) -> None:
    extra = {"extra_pnginfo": {"workflow": {"id": "wf1"}}, "api_key_comfy_org": "SECRET"}
    entry = await talk.run(image(color=0x30699C), extra_data=extra)
    found = await talk.view(entry["outputs"]["2"]["images"][0])
    with Image.open(BytesIO(found.content)) as picture:
        assert picture.getpixel((0, 0)) == (0x30, 0x69, 0x9C)
        assert json.loads(picture.text["prompt"]) == image(color=0x30699C)  # type: ignore[attr-defined]
        assert json.loads(picture.text["workflow"]) == {"id": "wf1"}  # type: ignore[attr-defined]
    assert "SECRET" not in json.dumps(entry)


async def test_a_picture_that_was_overwritten_is_loaded_anew(talk: Talk) -> None:
    await talk.upload("a.png", png(1))
    graph = {"1": {"class_type": "LoadImage", "inputs": {"image": "a.png"}}, "save": save(["1", 0])}
    before = await talk.picture(graph)
    await talk.upload("a.png", png(2), overwrite="1")
    after = await talk.picture(graph)
    assert (before.getpixel((0, 0)), after.getpixel((0, 0))) == ((1, 0, 0), (2, 0, 0))


async def test_a_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    with start_comfyui(tmp_path, "--max-upload-size", "1", "--enable-cors-header", "*") as server:
        async with talking(server) as talk:
            answer = await talk.post(image(), padding="x" * 1024 * 1024)
            assert (answer.status_code, answer.text) == (413, "Maximum request body size 1048576.0 exceeded.")
            assert (await talk.upload("x.png", bytes(2 * 1024 * 1024))).status_code == 413
            allowed = await talk.http.get("/queue", headers={"Origin": "http://evil.example"})
            assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "*")


@pytest.mark.parametrize(
    ("version", "jobs", "cancel", "error"),
    [("0.3.64", 404, 405, "invalid_prompt"), ("0.8.0", 200, 405, "invalid_prompt")],
)
async def test_older_versions_know_less(tmp_path: Path, version: str, jobs: int, cancel: int, error: str) -> None:
    with start_comfyui(tmp_path, "--version", version) as server:
        async with talking(server) as talk:
            assert (await talk.http.get("/api/jobs")).status_code == jobs
            assert (await talk.http.post(f"/api/jobs/{uuid4()}/cancel")).status_code == cancel
            assert (await talk.post({"1": {"class_type": "Nope"}})).json()["error"]["type"] == error
            ids = [(await talk.post(image(), prompt_id=one)).json()["prompt_id"] for one in ("abc", 5, None)]
            assert ids == ["abc", "5", "None"]
            assert (await talk.http.get("/queue", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200
            await server.script("hold")
            await talk.begin(slow(), extra_data={"api_key_comfy_org": "SECRET"})
            await server.executed(at_least=3)
            shown = await talk.http.get("/queue")
            assert ("SECRET" in shown.text, "create_time" in shown.text) == (version == "0.3.64", version != "0.3.64")


async def test_the_lists_of_models_are_set_on_the_command_line(tmp_path: Path) -> None:
    with start_comfyui(tmp_path, "--checkpoint", "own.safetensors", "--lora", "own.safetensors") as server:
        async with talking(server) as talk:
            assert await talk.get("/models/checkpoints") == ["own.safetensors"]
            assert set((await talk.post(sampled())).json()["node_errors"]) == {"model", "lora"}
