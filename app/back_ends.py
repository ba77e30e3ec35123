"""The AI back ends that the settings name."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from app.settings import Settings
from domain.offers import Offers
from domain.providers import GraphProvider, ImageProvider, TextProvider
from providers.sketch import Sketch


@dataclass(frozen=True, slots=True, kw_only=True)
class BackEnds:
    """Who makes pictures, writes texts, and runs graphs, where a ComfyUI is connected."""

    images: ImageProvider
    texts: TextProvider
    graphs: GraphProvider | None

    @property
    def offers(self) -> Offers:
        return Offers(
            image=self.images.image_terms,
            text=self.texts.text_terms,
            graph=self.graphs.graph_terms if self.graphs else None,
        )


def open_back_ends(settings: Settings, stack: AsyncExitStack) -> BackEnds:
    images, texts = _providers(settings, stack)
    return BackEnds(images=images, texts=texts, graphs=_comfyui(settings, stack))


def _providers(settings: Settings, stack: AsyncExitStack) -> tuple[ImageProvider, TextProvider]:
    if settings.openai_api_key is None:
        sketch = Sketch(settings.sketch_side_pixels)
        return sketch, sketch
    from providers.openai_api import OpenAI  # noqa: PLC0415 - its library takes a while to load

    openai = OpenAI(
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        image_model=settings.openai_image_model,
        text_model=settings.openai_text_model,
        image_price_credits=settings.openai_image_credits,
        text_price_credits=settings.openai_text_credits,
        timeout_seconds=settings.openai_timeout_seconds,
    )
    stack.push_async_callback(openai.close)
    return openai, openai


def _comfyui(settings: Settings, stack: AsyncExitStack) -> GraphProvider | None:
    if not settings.comfyui_url:
        return None
    from providers.comfyui import ComfyUI  # noqa: PLC0415 - its libraries take a while to load

    comfyui = ComfyUI(
        [str(url) for url in settings.comfyui_url],
        price_credits=settings.comfyui_credits,
        longest_seconds=settings.comfyui_timeout_seconds,
        max_pixels=settings.image_max_pixels,
    )
    stack.push_async_callback(comfyui.close)
    return comfyui
