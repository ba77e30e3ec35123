"""Calls to addresses that others chose: they reach the public internet, and nothing of ours unless it is listed."""

from engine.outbound.failures import Reason, Undelivered
from engine.outbound.sender import Answer, Sender
from engine.outbound.targets import Reach

__all__ = ["Answer", "Reach", "Reason", "Sender", "Undelivered"]
