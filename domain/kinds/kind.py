"""What a kind of node is: its ports, its settings, its price, and what it does."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import Any, Literal, Protocol

import jsonschema_rs

from domain.forms import Answer, Question
from domain.ids import Id
from domain.images import Image, NewImage
from domain.pictures import Change
from domain.providers import Call, GeneratedPicture, GraphProvider, ImageProvider, TextProvider

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

    @property
    def graph_provider(self) -> GraphProvider | None:
        """None where no ComfyUI is connected."""
        ...

    async def read_images(self, values: Iterable[Any], work: "Work") -> list[tuple[Image, bytes]]:
        """The images that these values name, with their bytes, in this order. IMAGE_NOT_FOUND where one is gone."""
        ...

    async def change_picture(self, data: bytes, change: Change) -> bytes:
        """An encoded picture made of another one; off the event loop."""
        ...

    async def keep_image(
        self, picture: GeneratedPicture, work: "Work", *, model: str | None, provider: str | None
    ) -> NewImage:
        """Check, measure and store the bytes; the row comes with the step's result."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """
    One attempt at a step: everything its kind needs to do it.

    `given` holds the run's inputs, and inside a `map` its item's values; `prompts` the texts of the assets that nodes
    name, by id, as they were when the run was started. The `seed` is the same for each attempt, and for each run that
    repeats this one; `call` is what a provider is told of whose call it is. `report` takes how much is done, 0.0 to
    1.0, as often as one likes.
    """

    organization_id: Id
    project_id: Id
    run_id: Id
    step_id: Id
    config: dict[str, Any]
    inputs: dict[str, Any]
    given: dict[str, Any]
    prompts: dict[str, str]
    seed: int
    call: Call
    toolbox: Toolbox
    report: Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What a step made: values by output port, images to record with it, and what it cost in credits."""

    outputs: dict[str, Any]
    images: tuple[NewImage, ...] = ()
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Copies:
    """The node's subgraph is to be run once for each item: values by the names of its inputs."""

    items: tuple[dict[str, Any], ...]


Outcome = StepResult | Question | Copies


@dataclass(frozen=True, slots=True)
class Answered:
    """A question that a person has answered, with what the step was given."""

    config: dict[str, Any]
    inputs: dict[str, Any]
    answer: Answer


def _no_further_problems(config: dict[str, Any], inputs: Collection[str]) -> Iterable[str]:
    return ()


def _one(config: dict[str, Any]) -> int:
    return 1


def _asks_nobody(answered: Answered) -> StepResult:
    raise NotImplementedError("this kind of node asks nobody")


@dataclass(frozen=True, kw_only=True)
class NodeKind:
    """
    One kind of node.

    `config_schema` is the JSON Schema of its settings; `calls` names the provider it pays, and `units` how many of
    that provider's units (pictures, texts) one execution takes. What a `cacheable` one made is used again where
    settings and inputs are the same; a `pure` one only hands values on, so that what it will make can be foreseen.
    `run` answers with a result, with a question for a person, whose answer `conclude` turns into the result, or with
    the copies that a `map` wants of its subgraph. Where the settings say which ports there are, `ports` reads them:
    those that go in and those that come out.
    """

    kind: str
    title: str
    description: str
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    config_schema: dict[str, Any] = field(default_factory=lambda: {"type": "object", "additionalProperties": False})
    run: Callable[[Work], Awaitable[Outcome]]
    conclude: Callable[[Answered], StepResult] = _asks_nobody
    ports: Callable[[dict[str, Any]], tuple[tuple[Port, ...], tuple[Port, ...]]] | None = None
    calls: Literal["image", "text", "graph"] | None = None
    units: Callable[[dict[str, Any]], int] = _one
    cacheable: bool = False
    pure: bool = False
    further_problems: Callable[[dict[str, Any], Collection[str]], Iterable[str]] = _no_further_problems

    def inputs_of(self, config: dict[str, Any]) -> tuple[Port, ...]:
        return self.ports(config)[0] if self.ports else self.inputs

    def outputs_of(self, config: dict[str, Any]) -> tuple[Port, ...]:
        return self.ports(config)[1] if self.ports else self.outputs

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        return jsonschema_rs.validator_for(self.config_schema)

    def config_problems(self, config: dict[str, Any], inputs: Collection[str]) -> list[str]:
        """What is wrong with the settings, each with the path to it; `inputs` are the names a template may use."""
        wrong = [
            f"{'.'.join(('config', *map(str, error.instance_path)))}: {error.message[:300]}"
            for error in islice(self._validator.iter_errors(config), MOST_CONFIG_PROBLEMS)
        ]
        return wrong or list(islice(self.further_problems(config, inputs), MOST_CONFIG_PROBLEMS))


# Settings that every kind understands which does more than hand a value on.
OF_WORK: dict[str, Any] = {
    "cache": {
        "type": "boolean",
        "default": True,
        "title": "Use earlier results",
        "description": "Whether what was made before of the same settings and inputs may be used again, at no cost.",
    },
    "timeoutSeconds": {
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 86_400,
        "title": "Longest attempt, in seconds",
    },
    "attempts": {
        "type": "integer",
        "minimum": 1,
        "maximum": 10,
        "default": 5,
        "title": "Attempts",
        "description": "How often it is tried while trying again can help.",
    },
}


def settings(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """The JSON Schema of a kind's settings: an object with just these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def work_settings(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """The same for a kind that works: with whether to use earlier results, and how long and often to try."""
    return settings({**properties, **OF_WORK}, *required)
