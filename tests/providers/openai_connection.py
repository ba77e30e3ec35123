"""The provider under test, and the words and the key that must show up nowhere."""

from decimal import Decimal

from providers.openai_api import OpenAI

KEY = "sk-test-quagga"
PROMPT = "a violet lighthouse"
INSTRUCTIONS = "Say it better."


def connect(base_url: str, *, image_model: str = "gpt-image-1", timeout_seconds: float = 30.0) -> OpenAI:
    return OpenAI(
        api_key=KEY,
        base_url=base_url,
        image_model=image_model,
        image_price_credits=Decimal("1.5"),
        text_price_credits=Decimal("0.2"),
        timeout_seconds=timeout_seconds,
        max_answer_bytes=8 * 1024 * 1024,
    )
