"""
A studio's campaign: a brief becomes four candidates, a person chooses one, and it is made in three formats.

    python examples/campaign/campaign.py start "A cargo bike for families, in the morning"
    python examples/campaign/campaign.py choose RUN 3

The server may be stopped between the two, for a night or a week. `EASEL_URL` and `EASEL_API_KEY` say where it is and
who asks; without them `./easel key --json` does.
"""

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.typing import Subprotocol

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

PROJECT = "{ project { id workflows(first: 100) { nodes { id name } } } }"
CREATE = "mutation($input: CreateWorkflowInput!) { createWorkflow(input: $input) { workflow { id } } }"
START = "mutation($input: StartRunInput!) { startRun(input: $input) { run { id } } }"
SUBMIT = "mutation($input: SubmitStepInput!) { submitStep(input: $input) { run { id } } }"
RUN = """
  status outputs error { message } images { id storageUrl fileName }
  steps { id label nodeId status cached form { token title candidates { id storageUrl fileName } } }
"""
WATCH = f"subscription($id: ID!) {{ runUpdated(id: $id) {{ {RUN} }} }}"
READ = f"query($id: ID!) {{ run(id: $id) {{ {RUN} }} }}"
BRAND = {
    "name": "Brand reference",
    "nodes": [
        {"id": "words", "kind": "prompt", "config": {"template": "A calm sea under an orange evening sky"}},
        {"id": "picture", "kind": "generate_image", "config": {}},
        {"id": "image", "kind": "output", "config": {"name": "image"}},
    ],
    "edges": [{"source": "words", "target": "picture"}, {"source": "picture", "target": "image"}],
}


class Easel:
    """A GraphQL client in a few lines."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json", "X-API-Key": self.key}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)  # noqa: S310 - the server's own address
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - ditto
            answer = json.load(response)
        if answer.get("errors"):
            sys.exit(f"Easel says: {answer['errors'][0]['message']}")
        found: dict[str, Any] = answer["data"]
        return found

    def follow(self, run_id: str) -> dict[str, Any]:
        """Show the run live until it is finished or waits for somebody; what it is then."""
        address, told = f"ws{self.url.removeprefix('http')}/v1/streams", set[tuple[str, str]]()
        with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
            socket.send(json.dumps({"type": "connection_init", "payload": {"apiKey": self.key}}))
            subscription = {"query": WATCH, "variables": {"id": run_id}}
            socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": subscription}))
            for text in socket:
                message = json.loads(text)
                if message["type"] != "next":
                    continue
                run: dict[str, Any] = message["payload"]["data"]["runUpdated"]
                _tell(run, told)
                if run["status"] not in {"QUEUED", "RUNNING"}:
                    return run
        sys.exit("The connection was lost: start again with the same run")

    def save(self, image: dict[str, Any], path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        urllib.request.urlretrieve(image["storageUrl"], path)  # noqa: S310 - the server's own address
        print(f"  {path}")


def _tell(run: dict[str, Any], told: set[tuple[str, str]]) -> None:
    for step in run["steps"]:
        now = (step["nodeId"], step["status"])
        if step["status"] in {"SUCCEEDED", "WAITING", "FAILED"} and now not in told:
            told.add(now)
            print(f"  {step['status'].lower():9} {step['label'] or step['nodeId']}")


def workflow_of(easel: Easel, description: dict[str, Any]) -> str:
    """The workflow of this name, made where it is missing."""
    project = easel.ask(PROJECT)["project"]
    for found in project["workflows"]["nodes"]:
        if found["name"] == description["name"]:
            return str(found["id"])
    made = easel.ask(CREATE, input={"projectId": project["id"], **description})
    return str(made["createWorkflow"]["workflow"]["id"])


def start(easel: Easel, brief: str, out: Path) -> None:
    print("The brand reference")
    brand_run = easel.ask(START, input={"workflowId": workflow_of(easel, BRAND)})["startRun"]["run"]["id"]
    brand = easel.follow(brand_run)["outputs"]["image"]
    print("The campaign")
    workflow = workflow_of(easel, json.loads((HERE / "workflow.json").read_text(encoding="utf-8")))
    inputs = {"brief": brief, "brand": brand["imageId"]}
    run_id = easel.ask(START, input={"workflowId": workflow, "inputs": inputs})["startRun"]["run"]["id"]
    run = easel.follow(run_id)
    print("Look at the candidates")
    for number, image in enumerate(_form(run)["form"]["candidates"], start=1):
        easel.save(image, out / run_id / f"candidate-{number}{Path(image['fileName']).suffix}")
    print(f"and choose one, now or tomorrow:\n  python {sys.argv[0]} choose {run_id} 1")


def choose(easel: Easel, run_id: str, number: int, out: Path) -> None:
    step = _form(easel.ask(READ, id=run_id)["run"])
    candidates = step["form"]["candidates"]
    if not 1 <= number <= len(candidates):
        sys.exit(f"Choose 1 to {len(candidates)}")
    answer = {
        "stepId": step["id"],
        "token": step["form"]["token"],
        "decision": "approve",
        "chosenImageIds": [candidates[number - 1]["id"]],
    }
    easel.ask(SUBMIT, input=answer)
    run = easel.follow(run_id)
    if run["status"] != "SUCCEEDED":
        sys.exit(f"The run {run['status'].lower()}: {(run['error'] or {}).get('message', '')}")
    images = {image["id"]: image for image in run["images"]}
    print("The campaign in three formats")
    for name, value in run["outputs"].items():
        image = images[value["imageId"]]
        easel.save(image, out / run_id / f"{name}{Path(image['fileName']).suffix}")


def _form(run: dict[str, Any] | None) -> dict[str, Any]:
    waiting = [step for step in (run or {}).get("steps", []) if step["form"]]
    if not waiting:
        sys.exit("This run waits for nobody: start one first, or look at its status")
    found: dict[str, Any] = waiting[0]
    return found


def _connected() -> Easel:
    if "EASEL_API_KEY" in os.environ:
        return Easel(os.environ.get("EASEL_URL", "http://127.0.0.1:8000"), os.environ["EASEL_API_KEY"])
    command = [str(ROOT / "easel"), "key", "--json"]
    printed = subprocess.run(command, capture_output=True, check=True, cwd=ROOT).stdout  # noqa: S603 - our own
    key = json.loads(printed)
    return Easel(key["url"], key["apiKey"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("campaign"), help="where pictures are saved")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start", help="start a campaign").add_argument("brief")
    chosen = commands.add_parser("choose", help="choose a candidate")
    chosen.add_argument("run")
    chosen.add_argument("number", type=int)
    given = parser.parse_args()
    if given.command == "start":
        start(_connected(), given.brief, given.out)
    else:
        choose(_connected(), given.run, given.number, given.out)


if __name__ == "__main__":
    main()
