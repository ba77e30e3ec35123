"""How the pictures of a batch are made: the style's words, the graph and what is filled into it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from domain.assets import Asset, AssetType
from domain.comfyui_graphs import NEGATIVE, SOURCE, BoundGraph, require_values
from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.ids import Id
from domain.kinds.comfyui import NOT_CONFIGURED
from domain.kinds.input_value import LONGEST_TEXT
from domain.kinds.prompt import placeholders, written
from domain.pictures import ASPECT_RATIOS
from domain.plain import require_json_object
from domain.ports import Transaction
from domain.projects import Project
from domain.shots.examples import example_graph, example_style
from domain.text import require_length

# What `params` may say besides the values that the graph has places for.
WORDS, FALLBACK, ASPECT_RATIO, PROMPTS = ("prompt", "negative"), "fallback", "aspect_ratio", "prompts"
DEFAULT_ASPECT_RATIO = "16:9"
# What a prompt may name of the shot it is for.
NAMES = ("season", "episode", "sequence", "plan")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    `prompt` and `negative` are templates over season, episode, sequence and plan; `prompts` go before it where they
    name a shot, as `SQ0010-0020`. The `values` are filled into `graph_text`, the graph of the asset `graph_id` as it
    was; without one the project's image provider draws, in this `aspect_ratio`.
    """

    prompt: str
    negative: str | None = None
    prompts: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    aspect_ratio: str = DEFAULT_ASPECT_RATIO
    graph_id: Id | None = None
    graph_text: str | None = None

    @property
    def graph(self) -> BoundGraph | None:
        return None if self.graph_text is None else BoundGraph.from_text(self.graph_text)

    @property
    def needs_source(self) -> bool:
        """Whether no picture can be made without the plan's own."""
        graph = self.graph
        return graph is not None and SOURCE in graph.bindings

    def prompt_of(self, label: str, names: dict[str, str]) -> str:
        return written(self.prompts.get(label, self.prompt), names)

    def negative_of(self, names: dict[str, str]) -> str | None:
        return None if self.negative is None else written(self.negative, names)


@dataclass(frozen=True, slots=True)
class Found:
    """A recipe, and those of its assets that are yet to be written: copies of examples."""

    recipe: Recipe
    copies: tuple[Asset, ...] = ()


async def find_recipe(
    tx: Transaction, project: Project, style: str, workflow_json: str | None, params: dict[str, Any]
) -> Found:
    """
    How pictures in this style are made. ASSET_NOT_FOUND for a style or graph that the project does not have,
    VALIDATION_ERROR for `params` that nothing takes and where no ComfyUI is connected.
    """
    shelf = _Shelf(tx, project)
    words = await shelf.take(AssetType.PROMPT, style, "style", example_style)
    values = {**require_json_object(words.metadata.get("params", {}), "style.params"), **params}
    told = {name: values.pop(name, None) for name in (*WORDS, PROMPTS, FALLBACK, ASPECT_RATIO)}
    recipe = _worded(words, told)
    if tx.offers.graph is not None:
        recipe = await _with_graph(shelf, recipe, workflow_json, values, params)
    elif told[FALLBACK] is not True:
        hint = 'or let the image provider draw, with params {"fallback": true}'
        raise InvalidInput(f"{NOT_CONFIGURED}; {hint}", field="workflowJson")
    return Found(recipe, tuple(shelf.copies))


async def _with_graph(
    shelf: "_Shelf", recipe: Recipe, workflow_json: str | None, values: dict[str, Any], asked: dict[str, Any]
) -> Recipe:
    if workflow_json is None:
        raise InvalidInput("workflowJson must name the graph that makes the pictures", field="workflowJson")
    asset = await shelf.take(AssetType.FILE, workflow_json, "workflowJson", example_graph)
    graph = BoundGraph.read(asset.content, asset.metadata, "workflowJson")
    require_values(values, "params")
    places = set(graph.bindings) - {SOURCE}
    if strange := [name for name in values if name in asked and name not in places]:
        has = ", ".join(sorted({*places, *WORDS, PROMPTS, FALLBACK}))
        message = f"params.{strange[0][:80]}: '{workflow_json}' has no place for it; it has: {has}"
        raise InvalidInput(message, field=f"params.{strange[0][:80]}")
    return replace(
        recipe,
        negative=recipe.negative if NEGATIVE in places else None,
        values={name: value for name, value in values.items() if name in places},
        graph_id=asset.id,
        graph_text=graph.as_text,
    )


class _Shelf:
    """The project's assets by name; an example that it lacks is copied once it is used."""

    def __init__(self, tx: Transaction, project: Project) -> None:
        self.copies: list[Asset] = []
        self._tx, self._project = tx, project

    async def take(
        self, type_: AssetType, label: str, field: str, example: Callable[[Project, str], Asset | None]
    ) -> Asset:
        found = await self._tx.find(Asset, 2, project_id=self._project.id, type=type_, label=label)
        if len(found) > 1:
            message = f"{field}: the project has several {type_} assets called '{label}': give the others another name"
            raise DomainError(ErrorCode.CONFLICT, message, field=field)
        if found:
            return found[0]
        copy = example(self._project, label)
        if copy is None:
            message = f"{field}: the project has no {type_} asset called '{label}': create it"
            raise DomainError(ErrorCode.ASSET_NOT_FOUND, message, field=field)
        self.copies.append(copy)
        return copy


def _worded(words: Asset, told: dict[str, Any]) -> Recipe:
    prompts = require_json_object(told[PROMPTS] or {}, "params.prompts")
    known = {"prompt": words.content, "negative": words.metadata.get("negative")}
    texts: dict[str, Any] = {name: told[name] or text for name, text in known.items()}
    for name, text in [*texts.items(), *((f"prompts.{label[:80]}", one) for label, one in prompts.items())]:
        if text is not None or name != "negative":
            _require_template(text, f"params.{name}")
    if not isinstance(told[FALLBACK], bool | None):
        raise InvalidInput("params.fallback must be true or false", field="params.fallback")
    ratio = told[ASPECT_RATIO] or DEFAULT_ASPECT_RATIO
    if not isinstance(ratio, str) or ratio not in ASPECT_RATIOS:
        raise InvalidInput(
            f"params.aspect_ratio must be one of {', '.join(ASPECT_RATIOS)}", field="params.aspect_ratio"
        )
    return Recipe(**texts, prompts=prompts, aspect_ratio=ratio)


def _require_template(text: Any, field: str) -> None:
    if not isinstance(text, str):
        raise InvalidInput(f"{field} must be a text", field=field)
    require_length(text, field, longest=LONGEST_TEXT)
    if strange := [name for name in placeholders(text) if name not in NAMES]:
        known = ", ".join(f"{{{{{name}}}}}" for name in NAMES)
        raise InvalidInput(f"{field}: '{{{{{strange[0][:80]}}}}}' is nothing of a shot's; known: {known}", field=field)
