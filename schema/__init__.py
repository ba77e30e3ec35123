"""The GraphQL contract: declarations only, resolved in `resolvers`. `schema.graphql` beside this is its snapshot."""

from strawberry.schema.config import StrawberryConfig

from schema import inputs
from schema.connections import Names
from schema.descriptions import describe, leave_unsaid
from schema.roots import Mutation, Query, Subscription
from schema.scalars import SCALARS
from schema.studio import EXTENSIONS, StudioSchema

inputs.declare()

schema = StudioSchema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(scalar_map=SCALARS, name_converter=Names()),
    extensions=EXTENSIONS,
)
for finish in (describe, leave_unsaid):
    finish(schema._schema)  # noqa: SLF001 - strawberry offers no other way to the graphql-core schema

__all__ = ["schema"]
