"""One server for the tests of each file, a project of its own for each test, and silence in the log."""

import pytest

from tests.api.conftest import _no_traceback_is_logged
from tests.images.conftest import client, server, spy
from tests.protocols.reference import Clients, install

__all__ = ["_no_traceback_is_logged", "client", "server", "spy"]


@pytest.fixture(scope="session")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Clients:
    return install(tmp_path_factory.mktemp("reference"))
