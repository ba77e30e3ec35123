"""`easel demo`: everything once, to see it."""

import asyncio
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.cli.database import database, run
from app.cli.live import Live
from app.loading import loading
from app.logs import configure_logs
from app.notes import running_server
from app.parts import open_parts
from app.seed import ORGANIZATION, PROJECT, WORKFLOW, DevelopmentKey, development_key
from app.settings import Settings, read_settings
from app.signals import stop_signal
from domain.errors import DomainError, ErrorCode

PROMPT = "A lighthouse above the sea at sunset, hills behind it"
LIMIT_SECONDS = 300

_WORKFLOW = "query($id: ID!) { project(id: $id) { workflows(first: 100) { nodes { id name } } } }"
_START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }"
_WATCH = """
subscription($id: ID!) {
  runUpdated(id: $id) {
    status progress error { code message } metrics { durationMs }
    steps { nodeId label status } images { storageUrl fileName width height provider }
  }
}
"""
_MARKS = {"SUCCEEDED": "[green]✓[/]", "RUNNING": "[yellow]…[/]", "FAILED": "[red]✗[/]"}

terminal = Console(highlight=False)


def register(application: typer.Typer) -> None:
    application.command(rich_help_panel="Run")(demo)


def demo(
    *,
    prompt: Annotated[str, typer.Option(help="What the picture shows.")] = PROMPT,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the server running until Ctrl-C.")] = False,
    out: Annotated[Path, typer.Option(help="Where the picture is saved.")] = Path("demo"),
) -> None:
    """Start everything, make a picture, and watch it happen."""
    settings = read_settings()
    configure_logs(settings.log_format)
    with loading():
        import app.serving  # noqa: F401, PLC0415 - the schema takes a while to load
    with _explained(out):
        out.mkdir(parents=True, exist_ok=True)
    with database(settings) as url:
        run(_demo(settings, url, prompt, out, keep=keep))


async def _demo(settings: Settings, database_url: str, prompt: str, out: Path, *, keep: bool) -> None:
    async with _server(settings, database_url, keep=keep) as key:
        terminal.print(f"Easel is ready: [bold]{key.url}[/]\n")
        async with asyncio.timeout(LIMIT_SECONDS), Live(key.url, key.apiKey) as live:
            saved = await _picture(live, key, prompt, out)
        stop = stop_signal() if keep else None
        _tell(saved, key, keep=keep)
        if stop:
            await stop.wait()


@asynccontextmanager
async def _server(settings: Settings, database_url: str, *, keep: bool) -> AsyncIterator[DevelopmentKey]:
    """A server on this data directory: the one that runs already, or one of our own."""
    from app.serving import running  # noqa: PLC0415 - loaded by `demo`

    if (found := running_server(settings)) is not None:
        async with open_parts(settings, database_url, found) as parts:
            key = await development_key(parts, ORGANIZATION, PROJECT, found)
        yield key
        return
    # Only a server that stays needs the usual port; any other will do, and cannot be in use.
    own = settings if keep else settings.model_copy(update={"port": 0})
    async with running(own, database_url) as (parts, url):
        yield await development_key(parts, ORGANIZATION, PROJECT, url)


async def _picture(live: Live, key: DevelopmentKey, prompt: str, out: Path) -> Path:
    project = (await live.ask(_WORKFLOW, id=key.projectId))["project"]
    workflow = next(node for node in project["workflows"]["nodes"] if node["name"] == WORKFLOW)
    terminal.print(f"Workflow [bold]{WORKFLOW}[/], prompt “{prompt}”\n")
    started = await live.ask(_START, input={"workflowId": workflow["id"], "inputs": {"prompt": prompt}})
    finished = await _watched(live, started["startRun"]["run"]["id"])
    image = finished["images"][0]
    return await asyncio.to_thread(_save, image["storageUrl"], out / image["fileName"])


async def _watched(live: Live, run_id: str) -> dict[str, Any]:
    """Show the run as it goes; what it was at its end."""
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    run: dict[str, Any] = {}
    told: set[str] = set()
    with Progress(*columns, console=terminal) as progress:
        bar = progress.add_task("Starting", total=1.0)
        async for update in live.watch(_WATCH, id=run_id):
            run = update["runUpdated"]
            _tell_steps(progress, run["steps"], told)
            working = [step["label"] for step in run["steps"] if step["status"] == "RUNNING"]
            progress.update(
                bar, completed=run["progress"], description=", ".join(working) or run["status"].capitalize()
            )
    if run["status"] != "SUCCEEDED":
        raise DomainError(
            ErrorCode.PROVIDER_FAILED, f"The run {run['status'].lower()}: {(run['error'] or {}).get('message')}"
        )
    return run


def _tell_steps(progress: Progress, steps: list[dict[str, Any]], told: set[str]) -> None:
    for step in steps:
        if step["status"] in {"SUCCEEDED", "FAILED"} and step["nodeId"] not in told:
            told.add(step["nodeId"])
            progress.console.print(f"  {_MARKS[step['status']]} {step['label']}")


def _save(url: str, path: Path) -> Path:
    # Our own server is asked without a proxy, whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as answer:
        picture = answer.read()
    with _explained(path):
        path.write_bytes(picture)
    return path


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The picture cannot be saved to {path}: {error.strerror}. Choose another folder with --out"
        raise DomainError(ErrorCode.UNAVAILABLE, message) from error


def _tell(saved: Path, key: DevelopmentKey, *, keep: bool) -> None:
    terminal.print(f"\nYour picture: [bold]{saved}[/]\n")
    terminal.print("What to try next:")
    if not keep:
        terminal.print("  ./easel serve           the server, to stay")
    terminal.print(f"  {key.url}/graphiql" if keep else "  ./easel key             a key for your own programs")
    terminal.print('  ./easel demo --prompt "A fox in the snow at night"')
    sys.stdout.flush()
