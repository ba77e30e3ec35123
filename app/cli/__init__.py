"""The command line."""

import os
import sys

import typer
from sqlalchemy.exc import SQLAlchemyError

from app.cli import accounts, announcements, demo, development, keys, serve, sweep
from app.settings import misspelled
from domain.errors import DomainError

application = typer.Typer(
    name="easel",
    help=(
        "[bold]Easel[/bold], the self-hosted backend of a creator studio.\n\n"
        "Begin with [bold]./easel demo[/bold]: it starts everything, makes a picture and shows you how."
    ),
    rich_markup_mode="rich",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo, serve, sweep, keys, accounts, announcements, development):
    module.register(application)


@application.callback()
def warn() -> None:
    for sentence in misspelled(os.environ):
        sys.stderr.write(f"easel: {sentence}\n")


def main() -> None:
    """Run a command; what goes wrong is told in a sentence, with exit code 1."""
    try:
        application(prog_name="easel")
    except DomainError as error:
        sys.stderr.write(f"easel: {error.message}\n")
        sys.exit(1)
    except (OSError, SQLAlchemyError) as error:
        sys.stderr.write(f"easel: {str(error).splitlines()[0]}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
