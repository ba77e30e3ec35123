"""`easel serve`, `easel worker`, `easel migrate`."""

import sys
import threading
from typing import Annotated

import typer

from app.cli.database import database, run
from app.loading import loading
from app.logs import configure_logs
from app.parts import open_parts
from app.settings import Settings, read_settings
from app.signals import stop_signal
from app.working import working
from storage.migrate import migrate as bring_up_to_date
from storage.pool import create_engine

PANEL = "Run"


def register(application: typer.Typer) -> None:
    for command in (serve, worker, migrate):
        application.command(rich_help_panel=PANEL)(command)


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [EASEL_HOST]", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.  [EASEL_PORT]", show_default=False)] = None,
    workers: Annotated[
        int | None, typer.Option(help="Steps worked on at once; 0: API alone.  [EASEL_WORKERS]", show_default=False)
    ] = None,
) -> None:
    """Serve the API, with workers inside. Stops with Ctrl-C, after what is under way."""
    settings = read_settings(host=host, port=port, workers=workers)
    configure_logs(settings.log_format)
    with loading():
        from app.serving import serve as serve_until_stopped  # noqa: PLC0415 - the schema takes a while to load
    with database(settings) as url:
        threading.Thread(target=_build_console, daemon=True).start()
        run(serve_until_stopped(settings, url, _tell_ready))


def _tell_ready(url: str) -> None:
    sys.stdout.write(f"Easel is ready: {url}\n")
    sys.stdout.write(f"  GraphiQL:  {url}/graphiql\n  A key:     ./easel key\n  Stop:      Ctrl-C\n")
    sys.stdout.flush()


def _build_console() -> None:
    """GraphiQL is built while the API serves already; its page says so meanwhile."""
    from app.cli.development import build_pages  # noqa: PLC0415 - npm is looked for only where it is needed

    build_pages()


def worker(
    workers: Annotated[
        int | None, typer.Option(help="Steps worked on at once.  [EASEL_WORKERS]", show_default=False)
    ] = None,
) -> None:
    """Work on steps, without the API. Run as many as you like, on as many machines."""
    settings = read_settings(workers=workers)
    configure_logs(settings.log_format)
    with database(settings) as url:
        run(_work(settings, url))


async def _work(settings: Settings, database_url: str) -> None:
    stop = stop_signal()
    async with open_parts(settings, database_url, settings.url()) as parts, working(parts):
        if not stop.is_set():
            sys.stdout.write("Easel works: steps are taken as they come. Stop with Ctrl-C\n")
            sys.stdout.flush()
        await stop.wait()


def migrate() -> None:
    """Bring the database to the schema of this version."""
    settings = read_settings()
    with database(settings) as url:
        run(_migrate(url))
    sys.stdout.write("The database is up to date\n")


async def _migrate(database_url: str) -> None:
    engine = create_engine(database_url, connections=2)
    try:
        await bring_up_to_date(engine)
    finally:
        await engine.dispose()
