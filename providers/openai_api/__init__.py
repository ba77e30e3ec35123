"""Pictures and text from OpenAI, or from any server that speaks its API."""

from providers.openai_api.provider import OpenAI

__all__ = ["OpenAI"]
