"""What is sent is accepted by the JavaScript library of the standard too, and by it alone with the right secret."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.working import working
from domain.webhook_deliveries import SendTestWebhook
from domain.webhooks import RotateWebhookSecret
from tests.studio import Tenant
from tests.webhooks.receivers import Message, an_endpoint, receiving

LIMIT_SECONDS = 60
LIBRARY = "standardwebhooks@1.0.0"
VERIFY = """
const { Webhook } = require("standardwebhooks");
const { secret, body, headers } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
try {
  console.log(JSON.stringify(new Webhook(secret).verify(body, headers)));
} catch (error) {
  console.log(JSON.stringify({ refused: error.message }));
}
"""


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library of the standard for JavaScript."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm")
    directory = tmp_path_factory.mktemp("verifier")
    words = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", LIBRARY]
    done = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"npm could not fetch {LIBRARY}")
    return directory


def verified(package: Path, message: Message, secret: str, *, added: str = "") -> Any:
    asked = {"secret": secret, "body": message.body.decode() + added, "headers": message.headers}
    done = subprocess.run(
        ["node", "-e", VERIFY],
        cwd=package,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return json.loads(done.stdout)


async def test_a_receiver_in_javascript_can_tell_what_is_ours(owner: Tenant, package: Path) -> None:
    async with receiving() as receiver, working(owner.parts):
        endpoint, older = await an_endpoint(owner, receiver.url)
        newer = (await owner.do(RotateWebhookSecret(id=endpoint.id))).secret
        _, foreign = await an_endpoint(owner, receiver.url)
        await owner.do(SendTestWebhook(id=endpoint.id))
        message = await receiver.next()
    for secret in (newer, older):
        assert verified(package, message, secret) == message.told
    assert verified(package, message, foreign) == {"refused": "No matching signature found"}
    assert verified(package, message, newer, added=" ") == {"refused": "No matching signature found"}
