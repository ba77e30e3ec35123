"""Pictures from graphs, made by ComfyUI servers."""

from providers.comfyui.provider import ComfyUI

__all__ = ["ComfyUI"]
