"""The dashboard's process: how it is started, and how `rollmill up` keeps it up as a child.

Run as `python -m rollmill.flows.prefect.pages PARENT PORT`: the pages on the loopback, ended with their parent.
"""

import asyncio
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rollmill.flows import CHECKOUT
from rollmill.flows.prefect.server import user_prefect_url
from rollmill.pipelines.processes.child import die_with_parent
from rollmill.pipelines.processes.local_server import new_secret
from rollmill.pipelines.processes.proc import listens_here
from rollmill.pipelines.processes.spawn import ending, environment, module_command, spawn_apart
from rollmill.storage.standing import write_dashboard_address

if TYPE_CHECKING:
    import subprocess

SERVE = CHECKOUT / "dashboards" / "server" / "serve.py"
TICK_SECONDS = 2.0
FIRST_TICK_SECONDS = 0.2  # until the pages answer
DRAWN_SECONDS = 90.0  # for the first page: Streamlit gives up after 60
PATIENCE = 120.0  # seconds in which the pages may not answer: they load for a while on a busy machine
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the token is not a proxy's affair
PAUSES = (1.0, 5.0, 30.0, 300.0)  # before each start after one that ended; the last of them again and again


def address(port: int, token: str) -> str:
    """Address of the pages, with the token without which they show nothing."""
    return f"http://127.0.0.1:{port}/?token={token}"


def command(port: int) -> list[str]:
    """The pages' process; its token is in the variable ROLLMILL_TOKEN, its workspace in ROLLMILL_WORKSPACE."""
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(port),
        "server.headless": "true",
        "logger.hideWelcomeMessage": "true",  # its address would be without the token
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "server.fileWatcherType": "none",  # nobody edits the pages while they are served
        "server.scriptHealthCheckEnabled": "true",  # answers once the first page was drawn
    }
    return [
        *module_command("rollmill.dashboards.server", "run", str(SERVE)),
        *(f"--{key}={value}" for key, value in options.items()),
    ]


def explain_rules(root: Path) -> None:
    """Give the rules that earlier releases recorded the words that their verifiers have now, for the pages."""
    from rollmill.roles.protocols import ExplainsRules
    from rollmill.roles.registries import registry
    from rollmill.storage.workspace import Workspace

    verifiers = registry("verifier")
    with Workspace.open(root) as workspace:
        known: dict[str, object] = {
            name: verifiers[name] for name in workspace.verifiers.unexplained() if verifiers.is_ours(name)
        }
        workspace.verifiers.explain(
            {name: verifier.words for name, verifier in known.items() if isinstance(verifier, ExplainsRules)}
        )


async def serve_pages(state: Path, port: int) -> None:
    """Serve the pages at this port until cancelled; where they cannot be, the standing file says why."""
    failures = 0
    while port:
        why, token = port_fault(port), new_secret()
        if not why:
            child = spawn_apart(command_here(port), _variables(state, token), log(state))
            try:
                why = await _until_ended(child, state, port, token)
            finally:
                child.kill()  # it has nothing to save
                await asyncio.to_thread(child.wait)
        write_dashboard_address(state, f"not served: {why}; see {log(state)}")
        await asyncio.sleep(PAUSES[min(failures, len(PAUSES) - 1)])
        failures += 1
    await asyncio.Event().wait()  # no pages are asked for


def log(state: Path) -> Path:
    """Log file of the pages' process."""
    return state / "logs" / "dashboard.log"


def port_fault(port: int) -> str:
    """The reason why no server can listen at this port; empty if one can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return f"port {port} is not free ({error.strerror})"
    return ""


def command_here(port: int) -> list[str]:
    """The pages' process as a child of this one, with which it ends."""
    return module_command("rollmill.flows.prefect.pages", str(os.getpid()), str(port))


def _variables(state: Path, token: str) -> dict[str, str]:
    variables = environment(
        os.environ.get("PYTHONPATH"), ROLLMILL_TOKEN=token, ROLLMILL_WORKSPACE=str(state.parent), PYTHONUNBUFFERED="1"
    )
    if not user_prefect_url():  # the commands of its buttons find the standing server themselves
        variables = {key: value for key, value in variables.items() if not key.startswith("PREFECT_")}
    return variables


async def _until_ended(child: "subprocess.Popen[bytes]", state: Path, port: int, token: str) -> str:
    """Wait for the end of the pages and give its reason; their address is published once they answer."""
    answered, announced = time.monotonic(), False
    while (status := child.poll()) is None:
        if await asyncio.to_thread(answers if announced else partial(first_page_answers, token=token), port):
            answered = time.monotonic()
            if not announced:
                announced = True
                write_dashboard_address(state, address(port, token))
        elif time.monotonic() - answered > PATIENCE:
            return f"no answer for {PATIENCE:.0f} s"
        await asyncio.sleep(TICK_SECONDS if announced else FIRST_TICK_SECONDS)
    return f"ended with {ending(status)}"


def answers(port: int) -> bool:
    """True for a server of pages that takes visitors, and is of no other user: who listens gets the token."""
    return listens_here(port) and _status(port, "health") == 200


def first_page_answers(port: int, token: str) -> bool:
    """The address once the first page was drawn, which loads the imports of all pages; a page with an error counts."""
    return answers(port) and _status(port, "script-health-check", DRAWN_SECONDS, token) != 0


def _status(port: int, check: str, patience: float = 10.0, token: str = "") -> int:
    """The status of the answer to one of Streamlit's checks; 0 without an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/_stcore/{check}")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with _DIRECT.open(request, timeout=patience) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0


def main(arguments: list[str]) -> None:
    """Become the pages' process, which ends with its parent."""
    parent, port = int(arguments[0]), int(arguments[1])
    die_with_parent(parent)
    if named := os.environ.get("PYTHONPATH"):
        os.environ["PYTHONPATH"] = os.pathsep.join(
            str(Path(place).absolute()) for place in named.split(os.pathsep) if place
        )
    # Streamlit obeys `.streamlit/config.toml` and `secrets.toml` of the current folder: the workspace's may be anybody's.
    os.chdir(SERVE.parent)
    os.execv(sys.executable, command(port))  # noqa: S606 - this very interpreter, arguments of our own


if __name__ == "__main__":
    main(sys.argv[1:])
