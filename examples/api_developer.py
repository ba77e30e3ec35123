"""
A developer's program: asks for pictures by one call, and is called back when they are there.

    EASEL_WEBHOOK_ALLOW_LOOPBACK=true ./easel serve     # in one terminal: the receiver will be on this machine
    .venv/bin/python examples/api_developer.py "A lighthouse in a storm" --n 2

It needs httpx2 and standardwebhooks, and nothing of Easel. `EASEL_URL` and `EASEL_API_KEY` say where the server is and
who asks; without them `./easel key --json` does. The pictures are kept in the directory `pictures`.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx2
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 120
ABOUT = """{
  project { name callbackSecret }
  viewer { organization { credits { available } } }
}"""
LEDGER = "{ ledger(first: 10) { nodes { kind amount balanceAfter runId } } }"


class Receiver:
    """Takes callbacks on a port of its own, and believes only those that the secret has signed."""

    def __init__(self, secret: str) -> None:
        self.events: Queue[dict[str, Any]] = Queue()
        events, webhook = self.events, Webhook(secret)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    events.put(webhook.verify(body, dict(self.headers)))
                    self.send_response(204)
                except WebhookVerificationError:
                    self.send_response(401)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/easel"

    def wait(self) -> dict[str, Any]:
        try:
            return self.events.get(timeout=PATIENCE_SECONDS)
        except Empty:
            sys.exit("Nobody called back: was the server started with EASEL_WEBHOOK_ALLOW_LOOPBACK=true?")


class Easel:
    def __init__(self, url: str, key: str) -> None:
        self._http = httpx2.Client(base_url=url, headers={"X-API-Key": key}, timeout=90)

    def graphql(self, query: str) -> dict[str, Any]:
        answer = self._answered(self._http.post("/graphql", json={"query": query}))
        data: dict[str, Any] = answer["data"]
        return data

    def generate(self, key: str, **asked: Any) -> dict[str, Any]:
        """The same key gets the same answer, however often it is sent: a cut connection costs nothing twice."""
        answer = self._http.post("/generate", json=asked, headers={"Idempotency-Key": key})
        again = self._http.post("/generate", json=asked, headers={"Idempotency-Key": key})
        job = self._answered(answer)
        if again.content != answer.content:
            sys.exit("The same key was answered otherwise the second time")
        return job

    def status(self, job: dict[str, Any]) -> dict[str, Any]:
        return self._answered(self._http.get(job["statusUrl"]))

    def download(self, url: str) -> bytes:
        return self._http.get(url).raise_for_status().content

    def _answered(self, response: httpx2.Response) -> dict[str, Any]:
        answer: dict[str, Any] = response.json()
        if response.is_error or answer.get("errors"):
            told = (answer.get("errors") or [{}])[0].get("message") or answer.get("detail") or response.text
            sys.exit(f"Easel says: {told}")
        return answer


def main() -> None:
    arguments = _arguments()
    easel = Easel(*_server())
    about = easel.graphql(ABOUT)
    print(f"Project {about['project']['name']}, {about['viewer']['organization']['credits']['available']} credits")
    receiver = Receiver(about["project"]["callbackSecret"])

    asked = {"prompt": arguments.prompt, "n": arguments.n, "aspectRatio": "16:9", "format": "webp"}
    job = easel.generate(str(uuid4()), **asked, callback=receiver.url)
    print(f"Accepted as {job['id']}, for {job['quote']['total']} credits at most")
    _show_progress(easel, job)

    event = receiver.wait()
    print(f"Called back: {event['type']}, signed and fresh")
    done = event["data"]
    if done["status"] != "success":
        sys.exit(f"It failed: {done['error']['message']}")
    _keep(easel, done["assets"], arguments.out)
    for entry in easel.graphql(LEDGER)["ledger"]["nodes"]:
        if entry["runId"] == job["id"]:
            print(f"  {entry['kind']:8} {entry['amount']:>8}  leaves {entry['balanceAfter']}")


def _show_progress(easel: Easel, job: dict[str, Any]) -> None:
    """Ask how far it is, as a program does that cannot be called back."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while job["status"] not in {"success", "failed"} and time.monotonic() < deadline:
        job = easel.status(job)
        print(f"  {job['status']:10} {job['progress']:4.0%}")
        time.sleep(0.5)  # asking is what this part shows; the callback tells without it


def _keep(easel: Easel, assets: list[dict[str, Any]], directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for asset in assets:
        path = directory / f"{asset['id']}.{asset['mimeType'].rpartition('/')[2]}"
        path.write_bytes(easel.download(asset["url"]))
        print(f"Kept {path}, {asset['width']} by {asset['height']}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Asks Easel for pictures, and is called back when they are there.")
    parser.add_argument("prompt")
    parser.add_argument("--n", type=int, default=1, help="how many pictures, 1 to 8")
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="where they are kept")
    return parser.parse_args()


def _server() -> tuple[str, str]:
    if "EASEL_URL" in os.environ and "EASEL_API_KEY" in os.environ:
        return os.environ["EASEL_URL"], os.environ["EASEL_API_KEY"]
    told = json.loads(subprocess.run([ROOT / "easel", "key", "--json"], check=True, capture_output=True).stdout)  # noqa: S603 - our own command
    return told["url"], told["apiKey"]


if __name__ == "__main__":
    main()
