"""The provider under test, graphs for it, and what is heard of a call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from domain import providers
from domain.providers import GraphRequest, ImageAnswer, ProviderError
from providers.comfyui import ComfyUI
from tests.providers.drawing import RED, encoded, plain
from tests.servers.comfyui_process import ComfyUIProcess

OUTPUT, SAMPLER, LOADER = "9", "5", "2"
SOURCE = encoded(plain(64, 64, colour=RED))
AWAY_SECONDS = 1.5
BEGIN_SECONDS = 30.0


@asynccontextmanager
async def asking(*urls: str, **settings: Any) -> AsyncIterator[ComfyUI]:
    usual: dict[str, Any] = {"away_seconds": AWAY_SECONDS, "poll_seconds": 0.1, "price_credits": Decimal("0.5")}
    provider = ComfyUI(urls, **usual | settings)
    yield provider
    await provider.close()


def a_graph(*, seed: int = 7, steps: int = 4, checkpoint: str = "madsea.safetensors") -> dict[str, dict[str, Any]]:
    """A shot drawn over a source picture."""
    return {
        "1": _node("CheckpointLoaderSimple", ckpt_name=checkpoint),
        LOADER: _node("LoadImage", image="source.png"),
        "3": _node("VAEEncode", pixels=[LOADER, 0], vae=["1", 2]),
        "4": _node("CLIPTextEncode", text="the sea at night", clip=["1", 1]),
        SAMPLER: _node(
            "KSampler",
            model=["1", 0],
            seed=seed,
            steps=steps,
            cfg=7.5,
            sampler_name="euler",
            scheduler="normal",
            positive=["4", 0],
            negative=["4", 0],
            latent_image=["3", 0],
            denoise=0.8,
        ),
        "6": _node("VAEDecode", samples=[SAMPLER, 0], vae=["1", 2]),
        OUTPUT: _node("SaveImage", images=["6", 0], filename_prefix="shot"),
    }


@dataclass(slots=True)
class Call:
    """One call of the provider as the engine makes it: what it noted, how far it said it was, whether it is wanted."""

    graph: dict[str, dict[str, Any]] = field(default_factory=a_graph)
    output: str = OUTPUT
    job_id: str | None = None
    source: bytes | None = SOURCE
    noted: list[str] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    unwanted: bool = False
    was_noted: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, provider: ComfyUI) -> "asyncio.Task[ImageAnswer]":
        return asyncio.create_task(self.made_by(provider))

    async def made_by(self, provider: ComfyUI) -> ImageAnswer:
        return await provider.run_graph(self._request())

    async def failure(self, provider: ComfyUI) -> ProviderError:
        with pytest.raises(ProviderError) as caught:
            await self.made_by(provider)
        assert len(caught.value.message) <= 500
        return caught.value

    @property
    def prompt_ids(self) -> list[str]:
        return [job_id.partition("@")[0] for job_id in self.noted]

    def _request(self) -> GraphRequest:
        sources = {} if self.source is None else {(LOADER, "image"): self.source}
        asked = providers.Call(job_id=self.job_id, note_job=self._note, is_unwanted=lambda: self.unwanted)
        return GraphRequest(
            graph=self.graph, output=self.output, sources=sources, call=asked, report=self.progress.append
        )

    async def _note(self, job_id: str) -> None:
        self.noted.append(job_id)
        self.was_noted.set()


async def queued_at(server: ComfyUIProcess) -> list[str]:
    """The ids of the prompts that run or wait there."""
    queue = await _asked(server, "/queue")
    return [item[1] for item in queue["queue_running"] + queue["queue_pending"]]


async def begun(server: ComfyUIProcess, prompts: int = 1) -> None:
    """So many prompts were accepted, and one runs: one that still waits would leave the queue, not be interrupted."""
    await server.prompts(at_least=prompts)
    async with asyncio.timeout(BEGIN_SECONDS):
        while not (await _asked(server, "/queue"))["queue_running"]:
            pass


async def tell(server: ComfyUIProcess, path: str, **body: Any) -> None:
    """As somebody else who reaches the server."""
    async with httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
        (await client.post(path, json=body)).raise_for_status()


async def _asked(server: ComfyUIProcess, path: str) -> dict[str, Any]:
    async with httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=30) as client:
        told: dict[str, Any] = (await client.get(path)).json()
    return told


def _node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}
