"""The server and the silence of the other API tests."""

from tests.api.conftest import _no_traceback_is_logged, client, spy

__all__ = ["_no_traceback_is_logged", "client", "spy"]
