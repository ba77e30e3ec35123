"""
An S3 server in one process: OpenStack Swift behind its s3api, keeping everything below one directory.

Prints one JSON line (port, access_key, guest_access_key, secret_key) when it listens on 127.0.0.1, and ends when its
standard input does. The guest knows the secret and may do nothing. What a directory holds outlives the process.
"""

# ruff: noqa: E402 - Swift works only with what eventlet has patched before
import eventlet

eventlet.monkey_patch()

import argparse
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventlet.wsgi
from swift.common import storage_policy, utils
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

SECRET_KEY = "secret-of-the-tests"
ACCESS_KEY = "easel:studio"
GUEST_ACCESS_KEY = "easel:guest"

_DEVICE = "disk"

_SWIFT_CONF = """
[swift-hash]
swift_hash_path_prefix = easel
[storage-policy:0]
name = only
default = yes
"""

_PROXY_CONF = f"""
[DEFAULT]
log_level = CRITICAL
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{ACCESS_KEY.replace(":", "_")} = {SECRET_KEY} .admin
user_{GUEST_ACCESS_KEY.replace(":", "_")} = {SECRET_KEY}
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


def main() -> None:
    arguments = _arguments()
    port = serve(arguments.directory.resolve(), arguments.port)
    keys = {"access_key": ACCESS_KEY, "guest_access_key": GUEST_ACCESS_KEY, "secret_key": SECRET_KEY}
    print(json.dumps({"port": port, **keys}), flush=True)  # noqa: T201 - the answer to who started it
    _wait_for_end_of_input()


def serve(directory: Path, port: int) -> int:
    """Start all four of Swift's servers; the port of the one that speaks S3."""
    conf = directory / "conf"
    for folder in (conf, directory / _DEVICE):
        folder.mkdir(parents=True, exist_ok=True)
    _write_swift_conf(conf)
    for kind, controller in _controllers().items():
        app = controller({"devices": str(directory), "mount_check": "false", "log_level": "CRITICAL"})
        _write_ring(conf / f"{kind}.ring.gz", _listen(app, 0))
    (conf / "proxy.conf").write_text(_PROXY_CONF)
    return _listen(loadapp(str(conf / "proxy.conf"), global_conf={"swift_dir": str(conf)}), port)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    return parser.parse_args()


def _write_swift_conf(conf: Path) -> None:
    (conf / "swift.conf").write_text(_SWIFT_CONF)
    utils.set_swift_dir(str(conf))
    storage_policy.reload_storage_policies()


def _controllers() -> dict[str, Callable[[dict[str, str]], Any]]:
    # These read swift.conf as they are imported.
    from swift.account.server import AccountController  # noqa: PLC0415
    from swift.container.server import ContainerController  # noqa: PLC0415
    from swift.obj.server import ObjectController  # noqa: PLC0415

    return {"account": AccountController, "container": ContainerController, "object": ObjectController}


def _write_ring(path: Path, port: int) -> None:
    """A ring of one device that holds the only replica of everything."""
    address = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    ring = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1, "device": _DEVICE, "meta": "", **address})
    ring.rebalance()
    ring.get_ring().save(str(path))


def _listen(app: Any, port: int) -> int:
    listener = eventlet.listen(("127.0.0.1", port))
    silent = logging.getLogger("silent")
    silent.disabled = True
    eventlet.spawn(eventlet.wsgi.server, listener, app, silent, protocol=SwiftHttpProtocol, log_output=False)
    return int(listener.getsockname()[1])


def _wait_for_end_of_input() -> None:
    os.set_blocking(0, False)
    while os.read(0, 4096):
        pass


if __name__ == "__main__":
    main()
