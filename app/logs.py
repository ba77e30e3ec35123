"""Log lines: pretty on a terminal, JSON elsewhere, each with its trace."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from gateway.traces import current_trace


def configure_logs(style: Literal["auto", "pretty", "json"]) -> None:
    pretty = style == "pretty" or (style == "auto" and sys.stderr.isatty())
    # The prettier traceback would show local variables, and with them prompts and keys.
    on_terminal = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    renderer = on_terminal if pretty else structlog.processors.JSONRenderer()
    tracebacks = [] if pretty else [structlog.processors.format_exc_info]
    of_all: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_trace,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *tracebacks,
    ]
    structlog.configure(
        processors=[*of_all, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # What libraries log looks the same.
    ending = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer]
    handler = logging.StreamHandler(sys.stderr)
    of_others = [structlog.stdlib.add_logger_name, *of_all]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=of_others, processors=ending))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # They tell each failed reconnect with a traceback; `storage.jobs` says in one line what matters of it.
    for talkative in ("pgqueuer", "asyncpg"):
        logging.getLogger(talkative).setLevel(logging.CRITICAL)


def _with_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace_id = current_trace.get()
    if trace_id is not None:
        line.setdefault("trace_id", trace_id)
    return line
