"""`/api/v1`: generations, flows, images and live scopes, over the same commands as everything else."""

from rest.api_v1.house import PREFIX, House
from rest.api_v1.routes import routes_of

__all__ = ["PREFIX", "House", "routes_of"]
