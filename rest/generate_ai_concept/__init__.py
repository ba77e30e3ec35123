"""`/api/generate_ai_concept`: batches of film shots, as their specification has them, over the same commands."""

from rest.generate_ai_concept.house import PREFIX, House
from rest.generate_ai_concept.routes import LARGE_FORMS, routes_of

__all__ = ["LARGE_FORMS", "PREFIX", "House", "routes_of"]
