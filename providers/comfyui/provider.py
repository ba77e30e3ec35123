"""ComfyUI as a provider of pictures that graphs make."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from domain.providers import GraphRequest, ImageAnswer, Recovery, Terms
from providers.comfyui import failures
from providers.comfyui.calls import GraphCall
from providers.comfyui.progress import Progress
from providers.comfyui.prompts import Patience
from providers.comfyui.servers import PASS_OVER_SECONDS, Servers
from providers.comfyui.sockets import SILENT_SECONDS
from providers.pictures import MAX_PIXELS


class ComfyUI:
    """
    Pictures from one or several ComfyUI servers, one graph at a time on each.

    `price_credits` is what a graph costs, whatever it makes; `longest_seconds` bounds a call, the wait in a server's
    queue included; a server that is away in the middle is waited for `away_seconds`.
    """

    name: ClassVar[str] = "comfyui"

    def __init__(
        self,
        servers: Sequence[str],
        *,
        price_credits: Decimal = Decimal(0),
        longest_seconds: float = 900.0,
        away_seconds: float = 30.0,
        poll_seconds: float = 1.0,
        pass_over_seconds: float = PASS_OVER_SECONDS,
        silent_seconds: float = SILENT_SECONDS,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self._servers = Servers(servers, pass_over_seconds=pass_over_seconds)
        self._price = price_credits
        self._longest_seconds = longest_seconds
        self._patience = Patience(poll_seconds=poll_seconds, away_seconds=away_seconds, silent_seconds=silent_seconds)
        self._max_pixels = max_pixels
        self._stopping: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """What is being stopped is stopped first."""
        if self._stopping:
            await asyncio.wait(self._stopping)
        await self._servers.close()

    @property
    def graph_terms(self) -> Terms:
        return Terms(
            provider=self.name,
            model=self.name,
            price=self._price,
            recovery=Recovery.LOOKUP,
            at_once=len(self._servers),
            longest_seconds=self._longest_seconds,
        )

    async def run_graph(self, request: GraphRequest) -> ImageAnswer:
        for node in (request.output, *(node for node, _ in request.sources)):
            if node not in request.graph:
                raise failures.unknown_node(node)
        try:
            async with asyncio.timeout(self._longest_seconds) as limit:
                pictures = await self._call(request, limit).pictures()
        except TimeoutError:
            raise failures.too_long(self._longest_seconds) from None
        request.report(1.0)
        return ImageAnswer(pictures, self.name, self._price)

    def _call(self, request: GraphRequest, limit: asyncio.Timeout) -> GraphCall:
        return GraphCall(
            servers=self._servers,
            request=request,
            patience=self._patience,
            is_unwanted=lambda: limit.expired() or request.call.is_unwanted(),
            stopping=self._stopping,
            max_pixels=self._max_pixels,
            progress=Progress(request.graph, request.report),
        )
