"""One server without ComfyUI for the tests of each file, a project of its own for each test, and silence in the log."""

from tests.api.conftest import _no_traceback_is_logged
from tests.images.conftest import client, server, spy

__all__ = ["_no_traceback_is_logged", "client", "server", "spy"]
