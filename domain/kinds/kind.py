"""What a kind of node is: its ports, its settings, its price, and what it does."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any, Literal, Protocol

import jsonschema_rs

from domain.ids import Id
from domain.images import NewImage
from domain.providers import GeneratedPicture, ImageProvider, TextProvider

ANY = "any"
MOST_CONFIG_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Port:
    """Where values enter or leave a node. `type` is text, image, number, boolean, json or any."""

    name: str
    type: str
    required: bool = True
    list: bool = False

    @property
    def described(self) -> str:
        return f"a list of {self.type}" if self.list else self.type


class Toolbox(Protocol):
    """What a step may reach while it works; no transaction is open then."""

    @property
    def image_provider(self) -> ImageProvider: ...

    @property
    def text_provider(self) -> TextProvider: ...

    async def keep_image(self, picture: GeneratedPicture, work: "Work", *, model: str, provider: str) -> NewImage:
        """Check, measure and store the bytes; the row comes with the step's result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One attempt at a step: everything its kind needs to do it."""

    organization_id: Id
    project_id: Id
    run_id: Id
    step_id: Id
    config: dict[str, Any]
    inputs: dict[str, Any]
    run_inputs: dict[str, Any]
    trace_id: str
    toolbox: Toolbox


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step made: values by output port, images to record with it, and what it cost in credits."""

    outputs: dict[str, Any]
    images: tuple[NewImage, ...] = ()
    cost: Decimal = Decimal(0)


def _no_further_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    return ()


def _one(config: dict[str, Any]) -> int:
    return 1


@dataclass(frozen=True, kw_only=True)
class NodeKind:
    """
    One kind of node.

    `config_schema` is the JSON Schema of its settings; `calls` names the provider it pays, and `units` how many of
    that provider's units (pictures, texts) one execution takes.
    """

    kind: str
    title: str
    description: str
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    config_schema: dict[str, Any] = field(default_factory=lambda: {"type": "object", "additionalProperties": False})
    run: Callable[[Work], Awaitable[StepResult]]
    calls: Literal["image", "text"] | None = None
    units: Callable[[dict[str, Any]], int] = _one
    further_problems: Callable[[dict[str, Any], Collection[str]], Iterable[str]] = _no_further_problems

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for(self.config_schema)

    def config_problems(self, config: dict[str, Any], inputs: Collection[str]) -> list[str]:
        """What is wrong with the settings, each with the path to it; `inputs` are the run's own."""
        wrong = [
            f"{'.'.join(('config', *map(str, error.instance_path)))}: {error.message[:300]}"
            for error in islice(self._validator.iter_errors(config), MOST_CONFIG_PROBLEMS)
        ]
        return wrong or list(islice(self.further_problems(config, inputs), MOST_CONFIG_PROBLEMS))


def settings(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """The JSON Schema of a kind's settings: an object with just these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
