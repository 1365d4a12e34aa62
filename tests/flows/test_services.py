"""Curation under Prefect, schedules and the standing server, as processes of their own; nothing is left behind."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from rollmill.storage.standing import Standing, find_standing, healthy, look
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Said, finish, start
from tests.flows.evaluation.test_evaluate import EVALUATION
from tests.tied import tied
from tests.waiting import until

pytestmark = pytest.mark.services


def run(folder: Path, *arguments: str, **env: str) -> Said:
    result = finish(start(*arguments, cwd=folder, **env))
    assert "Traceback" not in result.err, result.err
    return result


def curated(folder: Path, *arguments: str) -> dict[str, Any]:
    result = run(folder, "curate", "toy.yaml", "--json", *arguments)
    assert result.status == 0, result.err
    outcome: dict[str, Any] = json.loads(result.out)
    return outcome


def left_behind(folder: Path) -> list[str]:
    """Command lines of living processes that work in or on a folder."""
    firings = []
    for process in psutil.process_iter():
        try:
            words, place = process.cmdline(), process.cwd()
        except psutil.Error:
            continue
        if process.pid != os.getpid() and (place == str(folder) or any(str(folder) in word for word in words)):
            firings.append(" ".join(words))
    return firings


def test_the_same_content_under_prefect_directly_and_without_its_home(toy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(toy, other)
    direct = curated(other, "--direct")
    first = curated(toy, "--prefect")
    assert first["content_hash"] == direct["content_hash"]
    assert first["created"] is True
    assert (toy / ".rollmill" / "prefect" / "prefect.db").exists()
    shutil.rmtree(toy / ".rollmill" / "prefect")
    again = curated(toy, "--prefect")
    assert (again["spent"]["drawn"], again["created"]) == (0, False)
    assert left_behind(toy) == []


def test_what_fails_under_prefect_is_said_once(toy: Path) -> None:
    text = (toy / "toy.yaml").read_text()
    (toy / "toy.yaml").write_text(text.replace("min_kept: 10", "min_kept: 1000"))
    result = run(toy, "curate", "toy.yaml", "--prefect")
    assert result.status == 1
    assert result.err.count("the gate did not pass") == 1
    assert "prefect" not in result.err.lower()


def test_ctrl_c_says_how_to_go_on(toy: Path) -> None:
    command = start("curate", "toy.yaml", "--prefect", cwd=toy, TOY_SLEEP="0.2", TOY_CALLS=str(toy / "calls"))
    assert until((toy / "calls").exists, 120)
    command.send_signal(signal.SIGINT)
    result = finish(command)
    assert result.status == 130
    assert "Traceback" not in result.err
    assert "Interrupted; what was committed is kept. To go on: rollmill curate toy.yaml" in result.err
    assert statuses(toy) == ["interrupted"]
    assert left_behind(toy) == []
    resumed = run(toy, "runs", "resume", "--json")
    assert resumed.status == 0, resumed.err
    assert json.loads(resumed.out)["created"] is True


def test_two_commands_at_once_share_the_work(toy: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(toy, alone)
    expected = curated(alone, "--direct")
    env = {"TOY_SLEEP": "0.02", "TOY_CALLS": str(toy / "calls")}
    commands = [start("curate", "toy.yaml", "--prefect", "--json", cwd=toy, **env) for _ in range(2)]
    results = [finish(command) for command in commands]
    assert [result.status for result in results] == [0, 0], results
    outcomes = [json.loads(result.out) for result in results]
    assert {outcome["content_hash"] for outcome in outcomes} == {expected["content_hash"]}
    assert {outcome["version"] for outcome in outcomes} == {1}
    assert sum(outcome["created"] for outcome in outcomes) == 1
    ids = (toy / "calls").read_text().split()
    assert len(set(ids)) == expected["funnel"]["drawn"]
    assert sum(outcome["spent"]["drawn"] for outcome in outcomes) == expected["funnel"]["drawn"]


def statuses(folder: Path) -> list[str]:
    """Of every run, read in this process: a command for each look would take the cores from what is looked at."""
    with Workspace.open(folder) as workspace:
        return [item.status for item in workspace.runs.list()]


def run_now(folder: Path, schedule: str) -> None:
    """Fire a schedule once the standing process, which looks for new ones every two seconds, serves it."""
    database = f"file:{folder / '.rollmill' / 'prefect' / 'prefect.db'}?mode=ro"

    def served() -> bool:
        with closing(sqlite3.connect(database, uri=True)) as prefect:
            return (schedule,) in prefect.execute("SELECT name FROM deployment").fetchall()

    assert until(served, 60)
    assert until(lambda: run(folder, "schedule", "run-now", schedule).status == 0, 60)


@pytest.fixture
def up(toy: Path) -> Any:
    (toy / "rollmill.toml").write_text("[up]\nport = 0\n")
    result = run(toy, "up", "--dashboard", "0")
    assert result.status == 0, result.err
    yield toy
    run(toy, "down")
    assert until(lambda: left_behind(toy) == []), left_behind(toy)


def test_up_serves_schedules_and_down_ends_only_that(up: Path) -> None:
    stranger = subprocess.Popen(["sleep", "600"], cwd="/")
    assert "Up already" in run(up, "up").out
    standing = find_standing(up / ".rollmill")
    assert standing is not None
    assert run(up, "schedule", "add", "toy.yaml", "--cron", "0 2 * * *").status == 0
    assert "Served: this workspace is up, Prefect at http://127.0.0.1:" in run(up, "schedule", "list").out
    run_now(up, "toy")
    assert until(lambda: "done" in statuses(up), 120)
    assert '"status": "done"' in run(up, "runs", "list", "--json").out
    assert json.loads(run(up, "dataset", "list", "--json").out)[0]["version"] == "toy@v1"
    again = curated(up)
    assert (again["created"], again["spent"]["drawn"]) == (False, 0)
    assert standing.process.alive()
    assert run(up, "schedule", "remove", "toy").status == 0
    assert "Ended the Prefect server" in run(up, "down").out
    assert not standing.process.alive()
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def ended(folder: Path, schedule: str, said: str) -> bool:
    with Workspace.open(folder) as workspace:
        last = workspace.firings.last(schedule)
    return last is not None and last.status == "done" and last.said.startswith(said)


def test_an_evaluation_under_prefect_and_as_a_firing_beside_a_recipe(up: Path) -> None:
    (up / "sums.yaml").write_text(EVALUATION)
    report = json.loads(run(up, "evaluate", "sums.yaml", "--json", "--redraw", "9").out)
    assert (report["cells"][0]["spent"]["drawn"], report["messages"]) == (48, [])
    with sqlite3.connect(up / ".rollmill" / "prefect" / "prefect.db") as prefect:
        assert prefect.execute("SELECT name FROM flow").fetchall() == [("evaluate",)]
        tasks = prefect.execute("SELECT name, state_name FROM task_run ORDER BY expected_start_time").fetchall()
    run_id = report["cells"][0]["run"]
    names = [f"draw {run_id} round 0", f"verify {run_id} round 0", f"draw {run_id} round 1"]
    assert tasks == [(name, "Completed") for name in names]

    add = ("--cron", "0 2 * * *", "--name", "nightly")
    assert run(up, "schedule", "add", "sums.yaml", *add, "--fresh", "redraw").status == 0
    run_now(up, "nightly")
    assert until(lambda: ended(up, "nightly", "sums: 1 cells measured, 48 drawn"), 120)
    assert (up / "reports" / "sums" / "report.md").exists()
    assert run(up, "schedule", "add", "toy.yaml", *add).status == 0  # the same name, now of a recipe
    assert until(lambda: run(up, "schedule", "run-now", "nightly").status == 0)
    assert until(lambda: ended(up, "nightly", "toy@v1 published, "), 120)
    with Workspace.open(up) as workspace:
        streams = workspace.segments.read("completions", columns=("stream",))["stream"].to_pylist()
    assert {stream: streams.count(stream) for stream in sorted(set(streams))}["evaluate-10"] == 48


def test_a_cron_line_fires_by_itself(up: Path) -> None:
    assert run(up, "schedule", "add", "toy.yaml", "--cron", "* * * * *", "--name", "often").status == 0
    assert until(lambda: "done" in statuses(up), 240)
    assert json.loads(run(up, "schedule", "pause", "often", "--json").out)["next"] == "paused"
    assert json.loads(run(up, "dataset", "list", "--json").out)[0]["version"] == "toy@v1"


def test_watch_follows_and_cancel_stops_a_run(toy: Path) -> None:
    command = start("curate", "toy.yaml", cwd=toy, TOY_SLEEP="0.3", TOY_CALLS=str(toy / "calls"))
    assert until((toy / "calls").exists, 120)
    watcher = start("runs", "watch", cwd=toy)
    assert "Would ask 1 processes of toy-" in run(toy, "runs", "cancel", "--dry-run").out
    assert "Asked 1 processes of toy-" in run(toy, "runs", "cancel").out
    assert finish(command).status == 130
    watched = finish(watcher)
    assert watched.status == 0
    assert "interrupted. Next: rollmill runs resume toy-" in watched.out
    assert left_behind(toy) == []


def test_a_scheduled_run_ends_with_a_killed_standing_process(up: Path) -> None:
    (up / "toys.py").write_text((up / "toys.py").read_text().replace('"TOY_SLEEP", "0"', '"TOY_SLEEP", "1"'))
    assert run(up, "schedule", "add", "toy.yaml", "--cron", "0 2 * * *").status == 0
    run_now(up, "toy")
    assert until(lambda: "running" in statuses(up), 120)
    assert '"status": "running"' in run(up, "runs", "list", "--json").out
    standing = find_standing(up / ".rollmill")
    assert standing is not None
    os.kill(standing.process.pid, signal.SIGKILL)
    assert until(lambda: left_behind(up) == []), left_behind(up)
    assert json.loads(run(up, "runs", "list", "--json").out)[0]["status"] in ("interrupted", "killed")


def standing_of(folder: Path) -> Standing:
    standing = find_standing(folder / ".rollmill")
    assert standing is not None
    return standing


def server_of(standing: Standing) -> psutil.Process:
    """The Prefect server under a standing process."""
    children = psutil.Process(standing.process.pid).children()
    return next(child for child in children if "rollmill.flows.prefect.server" in child.cmdline())


def test_a_server_that_dies_under_up_is_started_again_and_given_up_where_it_cannot(up: Path) -> None:
    state, before = up / ".rollmill", standing_of(up)
    assert run(up, "schedule", "add", "toy.yaml", "--cron", "0 2 * * *").status == 0
    server_of(before).kill()
    assert until(lambda: look(state).status == "restarting", 20)
    assert "Prefect server ended (signal 9)" in run(up, "schedule", "list").out
    result = run(up, "schedule", "run-now", "toy")
    started = result.err == ""  # only by a server that was up again before the command was
    assert look(state).status == "up" if started else "needs a standing server. NOT SERVED now: " in result.err
    assert until(lambda: look(state).status == "up", 120)
    after = standing_of(up)
    assert (after.process, after.port) == (before.process, before.port)
    if not started:
        run_now(up, "toy")
    assert until(lambda: "done: toy@v1 published" in run(up, "schedule", "list").out, 120)
    server = server_of(after)
    for path in (state / "prefect").glob("prefect.db*"):
        path.write_bytes(b"x" * 5000)
    with suppress(psutil.NoSuchProcess):  # it may have ended over its broken database
        server.kill()
    assert until(lambda: look(state).status == "gave up", 240)
    listed = run(up, "schedule", "list").out
    assert "NOT SERVED: `rollmill up` gave up: the Prefect server ended (exit status 3): " in listed
    assert "file is not a database" in listed
    assert run(up, "doctor", "--quick").status == 1


def test_a_port_that_is_taken_is_said_at_once(toy: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run(toy, "up", "--port", str(port))
    assert result.status == 1
    assert f"port {port} of 127.0.0.1 is not free: Address already in use." in result.err
    assert f"Next: rollmill up --port {port + 1}, or [up] port = {port + 1} in rollmill.toml" in result.err


def fired(folder: Path, schedule: str) -> list[str]:
    with Workspace.open(folder) as workspace:
        return [firing.status for firing in workspace.firings.recent(schedule)]


def test_a_new_version_or_model_is_evaluated_and_told_also_what_came_while_nothing_was_up(up: Path) -> None:
    (up / "sums.yaml").write_text(EVALUATION)
    path = up / "told"
    waits = ("schedule", "add", "sums.yaml", "--on", "version:toy", "--notify-command", f"tee -a {path}")
    assert run(up, *waits, "--notify-when", "always").status == 0
    curated(up, "--direct")
    assert until(lambda: fired(up, "sums") == ["done"] and path.exists() and path.read_text() != "", 240)
    row = json.loads(path.read_text())
    assert (row["schedule"], row["status"], row["said"]) == ("sums", "done", "sums: 1 cells measured, 48 drawn")
    assert run(up, "schedule", "add", "sums.yaml", "--name", "model", "--on", "model:good").status == 0
    (up / "toy-1").mkdir()
    os.kill(standing_of(up).process.pid, signal.SIGKILL)
    assert until(lambda: left_behind(up) == [])
    curated(up, "--direct", "--set", "select.options.per_problem=1")
    (up / "toy-1" / "weights").write_text("new")
    assert run(up, "up", "--dashboard", "0").status == 0
    assert until(lambda: (fired(up, "sums"), fired(up, "model")) == (["done", "done"], ["done"]), 240)
    with Workspace.open(up) as workspace:
        assert workspace.firings.recent("sums")[0].recipe is not None


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[str]:
    """The API address of a Prefect server that its user started by hand."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui")
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "their-prefect"), "DO_NOT_TRACK": "1"}
    log = (tmp_path / "their-prefect.log").open("w")
    process = subprocess.Popen(
        tied(sys.executable, "-m", "prefect", *words), cwd=tmp_path, env=environment, stdout=log, stderr=log
    )
    api = f"http://127.0.0.1:{port}/api"
    assert until(lambda: healthy(api), 120)
    yield api
    process.terminate()
    process.wait(60)
    log.close()


def test_a_prefect_server_of_ones_own_keeps_the_schedules(toy: Path, own_server: str) -> None:
    result = run(toy, "up", "--dashboard", "0", PREFECT_API_URL=own_server)
    assert (result.status, own_server.removesuffix("/api") in result.out) == (0, True), result.err
    try:
        assert not (toy / ".rollmill" / "prefect").exists()
        assert run(toy, "schedule", "add", "toy.yaml", "--cron", "0 2 * * *", "--name", "theirs").status == 0
        assert f"Next: export PREFECT_API_URL={own_server}" in run(toy, "schedule", "run-now", "theirs").err
        assert until(lambda: run(toy, "schedule", "run-now", "theirs", PREFECT_API_URL=own_server).status == 0)
        assert until(lambda: fired(toy, "theirs") == ["done"], 240)
    finally:
        run(toy, "down")


def test_a_server_that_refuses_its_user_ends_up_with_its_answer(up: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(up, other, ignore=shutil.ignore_patterns(".rollmill"))
    result = run(other, "up", "--dashboard", "0", PREFECT_API_URL=standing_of(up).api)
    assert result.status == 1
    assert "401" in result.err


def test_down_ends_a_stuck_server_too(toy: Path) -> None:
    assert run(toy, "up", "--port", "0", "--dashboard", "0").status == 0
    server_of(standing_of(toy)).suspend()
    assert run(toy, "doctor", "--quick").status == 1
    assert "Ended the Prefect server" in run(toy, "down").out
    assert until(lambda: left_behind(toy) == []), left_behind(toy)
