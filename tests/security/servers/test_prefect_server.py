"""Prefect's server of `rollmill up` under attack: by pages of other sites, by other programs and users of the machine, and
by somebody who has its secret.

A deployment in Prefect's database can name code to run. `canary` is the file that such code would leave.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from rollmill.storage.standing import Standing, find_standing
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT, Said, finish, start
from tests.waiting import until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.security
TOYS = Path(__file__).parents[2] / "toys.py"
FOREIGN = ("http://evil.example", "null", "http://localhost:3000", "http://127.0.0.1:8501")


class Up:
    """A workspace that is up with one schedule, and what an attacker asks its server."""

    def __init__(self, folder: Path, standing: Standing) -> None:
        self.folder, self.standing = folder, standing
        self.canary = folder.parent / "canary"
        self.secret = {"Authorization": f"Bearer {standing.secret}"}

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Status and body of an answer; `headers` with underscores for dashes."""
        given = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.standing.api}{path}", data, given, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                status, shown, text = reply.status, reply.headers, reply.read()
        except urllib.error.HTTPError as error:
            status, shown, text = error.code, error.headers, b""
        assert not [name for name in shown if name.lower().startswith("access-control-")]
        return status, json.loads(text) if text else None

    def own(self, method: str, path: str, body: object = None) -> Any:
        """The body of the answer to who has the secret."""
        deadline = time.monotonic() + 60
        while (answered := self.ask(method, path, body, **self.secret))[0] == 503 and time.monotonic() < deadline:
            time.sleep(0.2)  # Prefect says so where its SQLite is locked, and did nothing then
        status, answer = answered
        assert 200 <= status < 300, (method, path, status)
        return answer

    def run(self, *arguments: str) -> Said:
        return finish(start(*arguments, cwd=self.folder))

    def deployment(self) -> str:
        return str(self.own("GET", "/deployments/name/curate/toy")["id"])

    def firings(self) -> list[str]:
        """How the firings of the schedule ended."""
        with Workspace.open(self.folder) as workspace:
            return [item.status for item in workspace.firings.recent("toy", 100)]

    def state(self, run: str) -> str:
        return str(self.own("GET", f"/flow_runs/{run}")["state_type"])

    def fires(self, run: str) -> bool:
        """True once the firing is in the ledger as begun: a firing that is killed before is started again."""
        return self.state(run) == "RUNNING" and self.firings()[0] == "running"

    def idle(self) -> bool:
        """True if the ledger has the end of every firing."""
        with Workspace.open(self.folder) as workspace:
            return all(item.ended_at is not None for item in workspace.firings.recent("toy", 100))

    def ended(self, run: str) -> str:
        """The state in which a run ends."""
        assert until(lambda: self.state(run) not in ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING"), 120)
        return self.state(run)

    def shell(self) -> dict[str, Any]:
        """A pull step that leaves the canary."""
        return {"prefect.deployments.steps.run_shell_script": {"script": f"touch {self.canary}"}}


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("attacked") / "ws"
    Workspace.init(folder).close()
    (folder / "toys.py").write_text(TOYS.read_text())
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "rollmill.toml").write_text("[up]\nport = 0\n")
    try:
        said = finish(start("up", "--dashboard", "0", cwd=folder))
        assert said.status == 0, said.err
        standing = find_standing(folder / ".rollmill")
        assert standing is not None
        place = Up(folder, standing)
        said = place.run("schedule", "add", "toy.yaml", "--cron", "0 2 1 1 *")
        assert said.status == 0, said.err
        assert until(lambda: place.ask("GET", "/deployments/name/curate/toy", **place.secret)[0] == 200, 60)
        yield place
    finally:
        finish(start("down", cwd=folder))


# ---- from outside


def attacks(up: Up) -> list[tuple[str, str, object]]:
    """What a page would send to let the runner of `up` run a command of its own."""
    deployment = up.deployment()
    return [
        ("POST", "/deployments/filter", {}),
        ("GET", f"/deployments/{deployment}", None),
        ("PATCH", f"/deployments/{deployment}", {"entrypoint": "x.py:f", "pull_steps": [up.shell()]}),
        ("POST", f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}}),
        ("POST", "/flow_runs/filter", {}),
        ("GET", "/admin/settings", None),
        ("GET", "/openapi.json", None),
    ]


@pytest.mark.parametrize("origin", FOREIGN)
def test_another_sites_page_gets_nothing_even_with_the_secret(up: Up, origin: str) -> None:
    for method, path, body in attacks(up):
        assert up.ask(method, path, body, Origin=origin)[0] == 403
        assert up.ask(method, path, body, Origin=origin, **up.secret)[0] == 403
        assert up.ask("OPTIONS", path, None, Origin=origin, Access_Control_Request_Method=method)[0] == 403
    assert up.own("GET", f"/deployments/{up.deployment()}")["pull_steps"] in (None, [])


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}"])
def test_a_name_that_was_rebound_to_the_loopback_gets_nothing(up: Up, host: str) -> None:
    name = host.format(port=up.standing.port)
    for method, path, body in [*attacks(up), ("GET", "/health", None)]:
        assert up.ask(method, path, body, Host=name, Origin=f"http://{name}")[0] == 403
        assert up.ask(method, path, body, Host=name, **up.secret)[0] == 403


def test_a_program_without_the_secret_gets_nothing(up: Up) -> None:
    for method, path, body in attacks(up):
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"rollmill-prefect-{up.standing.port}=wrong"}):
            assert up.ask(method, path, body, **headers)[0] == 401
    for path in ("/../api/deployments/filter", "//deployments/filter", "/./deployments/filter"):
        assert up.ask("POST", path, {})[0] in (401, 404)
    assert up.ask("GET", "/health") == (200, True)


def test_no_socket_opens_for_another_origin_or_without_the_secret(up: Up) -> None:
    ours = f"http://127.0.0.1:{up.standing.port}"
    for way in ("events/in", "events/out", "logs/out"):
        address = f"{up.standing.api.replace('http', 'ws', 1)}/{way}"
        for origin in (*FOREIGN, ours, None):
            secret = up.secret if origin in FOREIGN else {}
            with pytest.raises(InvalidStatus, match="403"):
                connect(address, origin=origin, additional_headers=secret, subprotocols=["prefect"])  # type: ignore[arg-type, list-item]
    out = f"{up.standing.api.replace('http', 'ws', 1)}/events/out"
    with closing(connect(out, additional_headers=up.secret, subprotocols=["prefect"])) as socket:  # type: ignore[list-item]
        socket.send(json.dumps({"type": "auth", "token": None}))
        try:
            assert json.loads(socket.recv(timeout=30))["type"] == "auth_success"
        except ConnectionClosed as error:
            pytest.fail(f"our own programs are refused: {error}")


def test_other_users_of_the_machine_read_neither_secret_nor_database(up: Up) -> None:
    state = up.folder / ".rollmill"
    assert (state / "up.json").stat().st_mode & 0o077 == 0
    assert (state / "prefect").stat().st_mode & 0o077 == 0
    assert [path for path in (state / "logs").iterdir() if path.stat().st_mode & 0o077] == []
    supervisor = psutil.Process(up.standing.process.pid)
    for process in (supervisor, *supervisor.children(recursive=True)):
        assert up.standing.secret not in " ".join(process.cmdline())  # which everybody reads
    assert up.standing.secret not in (state / "logs" / "up.log").read_text()


# ---- a person's browser


def test_a_person_opens_the_pages_with_the_printed_address(up: Up, chromium: "Browser") -> None:
    ended = up.own("POST", f"/deployments/{up.deployment()}/create_flow_run", {"state": {"type": "CANCELLED"}})
    said = up.run("schedule", "list").out
    [address] = [word for word in said.split() if word.startswith(f"http://127.0.0.1:{up.standing.port}/?token=")]
    with chromium.new_context() as context:
        page = context.new_page()
        failed: list[str] = []
        page.on("response", lambda reply: failed.append(reply.url) if reply.status >= 400 else None)
        page.goto(address)
        page.wait_for_url("**/dashboard")
        assert "token" not in page.url
        page.goto(f"{address.partition('?')[0]}runs")
        page.get_by_text("Cancelled").first.wait_for()
        assert failed == []
        script = f"""() => new Promise((done) => {{
            const socket = new WebSocket("ws://127.0.0.1:{up.standing.port}/api/events/out", ["prefect"]);
            socket.onopen = () => socket.send(JSON.stringify({{type: "auth", token: null}}));
            socket.onmessage = (message) => done(message.data);
            socket.onclose = (closing) => done(`closed ${{closing.code}}`);
        }})"""
        assert json.loads(page.evaluate(script))["type"] == "auth_success"
        [cookie] = context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    with chromium.new_context() as stranger:
        page = stranger.new_page()
        reply = page.goto(f"{address.partition('?')[0]}runs")
        assert reply is not None
        assert (reply.status, "rollmill up" in page.content()) == (401, True)
    up.own("DELETE", f"/flow_runs/{ended['id']}")


def test_a_sandboxed_frame_of_a_browser_with_the_cookie_reads_and_writes_nothing(up: Up, chromium: "Browser") -> None:
    """As a report with scripts would try from inside the dashboard."""
    before = len(up.own("POST", "/flow_runs/filter", {}))
    attack = f"{up.standing.api}/deployments/{up.deployment()}/create_flow_run"
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(up.standing.pages)
        page.wait_for_url("**/dashboard")
        html = f"""<script>
            const said = [];
            const tell = (name) => (value) => parent.postMessage(`${{name}} ${{value}}`, "*");
            fetch("{attack}", {{method: "POST", credentials: "include", body: "{{}}", headers: {{"Content-Type": "application/json"}}}})
              .then((reply) => tell("fetch")(reply.status), () => tell("fetch")("refused"));
            const socket = new WebSocket("ws://127.0.0.1:{up.standing.port}/api/events/out", ["prefect"]);
            socket.onopen = () => tell("socket")("open"); socket.onerror = () => tell("socket")("refused");
        </script>"""  # noqa: E501
        script = """(html) => new Promise((done) => {
            const heard = [];
            addEventListener("message", (event) => {
                if (String(event.data).match(/^(fetch|socket) /)) heard.push(event.data);
                if (heard.length === 2) done(heard.sort());
            });
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts"; frame.srcdoc = html; document.body.append(frame);
        })"""
        assert page.evaluate(script, html) == ["fetch refused", "socket refused"]
    assert len(up.own("POST", "/flow_runs/filter", {})) == before


# ---- with the secret


def test_a_deployment_that_names_code_runs_what_the_schedule_says(up: Up) -> None:
    """Entry point, pull steps, parameters, path, variables of a deployment and of a run, a deployment that the runner did
    not make, and an automation: nothing foreign is run.
    """
    foreign = foreign_run(up)
    trap = up.folder.parent / "trap"
    trap.mkdir()
    code = f"import pathlib\npathlib.Path({str(up.canary)!r}).touch()\ndef f(**_): ...\n"
    (trap / "x.py").write_text(code)
    hostile = RECIPE.replace("toys.py:", f"{trap}/x.py:")
    (trap / "toy.yaml").write_text(hostile)
    deployment, before = up.deployment(), len(up.firings())
    parameters = {"recipe": str(trap / "toy.yaml"), "workspace": str(trap), "schedule": None}
    jobs = {"env": {"PYTHONPATH": str(trap), "PREFECT__FLOW_ENTRYPOINT": "x.f"}, "command": f"touch {up.canary}"}
    changes = {
        "entrypoint": f"{trap}/x.py:f",
        "path": str(trap),
        "pull_steps": [up.shell()],
        "parameters": parameters,
        "job_variables": {**jobs, "working_dir": str(trap)},
        "enforce_parameter_schema": False,
    }
    up.own("PATCH", f"/deployments/{deployment}", changes)
    assert up.own("GET", f"/deployments/{deployment}")["pull_steps"] == [up.shell()]
    asked = {"state": {"type": "SCHEDULED"}, "parameters": parameters, "job_variables": jobs}
    run = up.own("POST", f"/deployments/{deployment}/create_flow_run", asked)
    assert up.ended(run["id"]) == "COMPLETED"
    assert up.firings()[0] == "done"
    assert len(up.firings()) == before + 1
    assert not up.canary.exists()
    with Workspace.open(up.folder) as workspace:
        assert {item.name for item in workspace.runs.list()} == {"toy"}

    said = up.run("schedule", "run-now", "toy", "--json")  # the deployment is still the attacker's
    assert said.status == 0, said.err
    assert until(lambda: len(up.firings()) == before + 2 and up.firings()[0] == "done", 120)
    assert up.state(foreign) == "SCHEDULED"
    assert not up.canary.exists()


def foreign_run(up: Up) -> str:
    """A run of a deployment of the attacker's, beside an automation that runs ours with a command of its own."""
    flow = up.own("POST", "/flows/", {"name": "foreign"})["id"]
    row = {"name": "foreign", "flow_id": flow, "entrypoint": "os:system", "pull_steps": [up.shell()]}
    deployment = up.own("POST", "/deployments/", row)["id"]
    command = {"deployment_id": up.deployment(), "job_variables": {"command": f"touch {up.canary}"}}
    action = {"type": "run-deployment", "source": "selected", **command}
    trigger = {"type": "event", "posture": "Reactive", "threshold": 1, "expect": ["go"], "within": 0}
    up.own("POST", "/automations/", {"name": "go", "trigger": trigger, "actions": [action]})
    run = up.own("POST", f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    return str(run["id"])


def test_a_run_that_crashes_or_is_cancelled_runs_no_hook_of_its_deployment(up: Up) -> None:
    """Prefect loads the deployment's flow for its hooks, inside the supervisor."""
    deployment = up.deployment()
    (up.folder / "hooked.py").write_text(f"import pathlib\npathlib.Path({str(up.canary)!r}).touch()\ndef f(): ...\n")
    changes = {"entrypoint": f"{up.folder}/hooked.py:f", "pull_steps": [up.shell()]}
    (up.folder / "toy.yaml").write_text(RECIPE.replace("seed: 3", "seed: 4"))  # draws anew
    for end in ("kill", "cancel"):
        assert until(up.idle, 60)  # a firing is skipped while the one before is not known to have ended
        up.own("PATCH", f"/deployments/{deployment}", changes)
        run = up.own("POST", f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]
        assert until(partial(up.fires, run), 150)
        if end == "kill":
            [child] = [
                process
                for process in psutil.Process(up.standing.process.pid).children(recursive=True)
                if "rollmill.flows.prefect.scheduled" in process.cmdline()
            ]
            child.kill()
        else:
            up.own("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
        assert up.ended(run) == {"kill": "CRASHED", "cancel": "CANCELLED"}[end]
        assert not up.canary.exists()
    (up.folder / "hooked.py").unlink()


# ---- the server of one command


HOLDER = """
import sys
from pathlib import Path
from rollmill.flows.prefect.managed import ManagedServer
with ManagedServer(Path(sys.argv[1])) as server:
    server.start().wait()
    from prefect.client.orchestration import get_client
    with get_client(sync_client=True) as client:
        print(server.api, len(client.read_flows()), flush=True)
    sys.stdin.readline()
"""


def test_the_server_of_one_command_asks_for_its_secret_as_well(up: Up, tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()
    with (  # a new database would take most of the time
        closing(sqlite3.connect(up.folder / ".rollmill" / "prefect" / "prefect.db")) as known,
        closing(sqlite3.connect(tmp_path / "prefect" / "prefect.db")) as copied,
    ):
        known.backup(copied)
    holder = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLDER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    api, flows = holder.stdout.readline().split()
    assert int(flows) >= 1
    with urllib.request.urlopen(f"{api}/health", timeout=30) as reply:
        assert reply.read() == b"true"
    for headers in ({}, {"Origin": "null"}, {"Authorization": "Basic OjA="}):
        request = urllib.request.Request(f"{api}/flows/filter", b"{}", {"Content-Type": "application/json", **headers})
        with pytest.raises(urllib.error.HTTPError, match=r"40[13]"):
            urllib.request.urlopen(request, timeout=30)
    assert (tmp_path / "prefect").stat().st_mode & 0o077 == 0
    holder.communicate("\n", timeout=60)
