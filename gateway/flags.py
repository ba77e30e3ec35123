"""Feature flags through OpenFeature: a project's settings go before the server's file, that before the defaults."""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import structlog
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import Metadata
from openfeature.provider.no_op_provider import NoOpProvider

from domain.errors import InvalidInput
from domain.flags import FLAGS, Flag

LARGEST_FILE_BYTES = 65_536

log = structlog.get_logger(__name__)
_numbers = count(1)


class StudioFlags:
    """What `domain.ports.Flags` promises; `of_server` are the values of the file."""

    def __init__(self, of_server: Mapping[str, bool]) -> None:
        # OpenFeature keeps one provider for each domain of the process: each server in it has its own.
        domain = f"easel-{next(_numbers)}"
        api.set_provider_and_wait(_Sources(of_server), domain)
        self._client = api.get_client(domain)

    def is_on(self, flag: Flag, of_project: Mapping[str, Any] | None = None) -> bool:
        heard = EvaluationContext(attributes=dict(of_project or {}) if FLAGS[flag].per_project else {})
        return self._client.get_boolean_value(flag, FLAGS[flag].default, heard)


class _Sources(NoOpProvider):
    """Flags that are on or off; the evaluation context is what a project says of them."""

    def __init__(self, of_server: Mapping[str, bool]) -> None:
        self._of_server = of_server

    def get_metadata(self) -> Metadata:
        return Metadata(name="easel")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001 - OpenFeature's own signature
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        of_project = evaluation_context.attributes if evaluation_context else {}
        for values, reason in ((of_project, Reason.TARGETING_MATCH), (self._of_server, Reason.STATIC)):
            if isinstance(value := values.get(flag_key), bool):
                return FlagResolutionDetails(value, reason=reason)
        return FlagResolutionDetails(default_value, reason=Reason.DEFAULT)


def read_flags(path: Path | None) -> dict[str, bool]:
    """The flags of a JSON file; unknown ones are warned about. Raises InvalidInput where it cannot be read."""
    values = {} if path is None else _read(path)
    known = [str(flag) for flag in Flag]
    for name in sorted(set(values) - set(known)):
        log.warning("a flag in EASEL_FLAGS_FILE is not known and changes nothing", flag=name[:80], known=known)
    found = {name: values[name] for name in known if name in values}
    for name, value in found.items():
        if not FLAGS[Flag(name)].takes(value):
            raise InvalidInput(f"EASEL_FLAGS_FILE: {name} must be true or false")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            values = json.loads(file.read(LARGEST_FILE_BYTES))
    except OSError as error:
        raise InvalidInput(f"EASEL_FLAGS_FILE: {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"EASEL_FLAGS_FILE: {path} is not JSON, or above {LARGEST_FILE_BYTES:,} bytes") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"EASEL_FLAGS_FILE: {path} must be a JSON object of flags and their values")
    return values
