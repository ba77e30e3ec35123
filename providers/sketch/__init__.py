from providers.sketch.provider import Sketch

__all__ = ["Sketch"]
