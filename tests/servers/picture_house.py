"""A picture house on loopback: given jobs, it works as long as a test likes, and says what became of each."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
from typing import Any

from tests.providers.drawing import encoded, plain

WAIT_LIMIT_SECONDS = 30.0


@dataclass(slots=True)
class PictureHouse:
    """`jobs` are the states by job, working, done or failed; `begun` is every job that was ever begun."""

    origin: str = ""
    jobs: dict[str, str] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    is_open: bool = True
    changed: Condition = field(default_factory=Condition)

    def settle(self, state: str | None) -> None:
        """Bring all jobs to this state, or forget them."""
        with self.changed:
            self.jobs = {} if state is None else dict.fromkeys(self.jobs, state)
            self.changed.notify_all()

    def wait_for_jobs(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.begun) >= count, WAIT_LIMIT_SECONDS)

    def begin(self, job_id: str) -> int:
        with self.changed:
            if not self.is_open or job_id in self.jobs:
                return 409 if self.is_open else 503
            self.jobs[job_id] = "working"
            self.begun.append(job_id)
            self.changed.notify_all()
            return 202

    def state(self, job_id: str) -> str | None:
        """The job's state once it is no longer at work; None for a job that nobody knows."""
        with self.changed:
            self.changed.wait_for(lambda: self.jobs.get(job_id) != "working", WAIT_LIMIT_SECONDS)
            return self.jobs.get(job_id)


@contextmanager
def open_picture_house() -> Iterator[PictureHouse]:
    house = PictureHouse()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, house))
    server.daemon_threads = True
    house.origin = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield house
    finally:
        house.settle(None)
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, house: PictureHouse, *arguments: Any) -> None:
        self.house = house
        super().__init__(*arguments)

    def do_PUT(self) -> None:
        self._answer(self.house.begin(self._job_id), b"{}")

    def do_GET(self) -> None:
        if self.path.endswith("/picture"):
            self._answer(200, encoded(plain(64, 64)))
        elif (state := self.house.state(self._job_id)) is None:
            self._answer(404, b"{}")
        else:
            self._answer(200, json.dumps({"state": state}).encode())

    @property
    def _job_id(self) -> str:
        return self.path.split("/")[2]

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # whoever asked went away

    def log_message(self, *_: object) -> None:
        """Says nothing."""
