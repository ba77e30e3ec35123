"""What is read of JSON that may be anything."""

from typing import Any


def object_of(value: object) -> dict[str, Any]:
    """Empty where it is something else."""
    return value if isinstance(value, dict) else {}


def list_of(value: object) -> list[Any]:
    """Empty where it is something else."""
    return value if isinstance(value, list) else []
