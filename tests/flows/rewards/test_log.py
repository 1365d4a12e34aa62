"""The log of rewards: what a kill leaves, what a step's row says, when it alerts, and the import that it becomes."""

import json
import signal
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

import rollmill
from rollmill import RewardItem, SetupError
from rollmill.flows.cli import run
from rollmill.flows.rewards import reward_log as log_module
from rollmill.flows.rewards.history import RewardedRow, alert, history
from rollmill.flows.rewards.reward_log import JudgedLog, publish
from rollmill.ground.records import JudgedRow, Problem
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, finish, start
from tests.waiting import has_ended, until

TOYS = "tests.flows.rewards.toys"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    Workspace.init(tmp_path).close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stored(folder: Path) -> list[JudgedRow]:
    with Workspace.open(folder) as opened:
        return list(opened.segments.rows("judged", producer="reward:run7", version="1"))


def row(
    number: int, *, step: int | None = 0, text: str = "4", reward: float | None = 1.0, outcome: Any = "correct"
) -> JudgedRow:
    problem = Problem(f"{number}?", "4")
    asked = (problem.id, f"c{number}", problem.prompt, "4", "math")
    return JudgedRow("student", step, *asked, text, reward, outcome, "r", "", "plain", "1", 9.5)


def test_a_reward_in_a_training_is_logged_with_the_step_of_the_trainer(workspace: Path) -> None:
    class State:
        global_step = 3

    with rollmill.reward(f"{TOYS}:Raising", log="run7") as reward:
        assert reward(["2+2?"] * 3, ["4", "5", "bad"], trainer_state=State(), reference=["4"] * 3) == [1.0, 0.0, None]
        reward.judge([RewardItem("4", "4")], label="other", step=4)
    rows = stored(workspace)
    assert [(one.label, one.training_step, one.prompt, one.text, one.reward, one.outcome) for one in rows] == [
        ("", 3, "2+2?", "4", 1.0, "correct"),
        ("", 3, "2+2?", "5", 0.0, "incorrect"),
        ("", 3, "2+2?", "bad", None, "undecided"),
        ("other", 4, "", "4", 1.0, "correct"),
    ]
    assert rows[2].cause == "verifier crash: ValueError: bad text"
    assert rows[0].verifier == "raising"


def test_a_log_whose_disk_refuses_says_so_and_goes_on_when_it_can(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "GROUP_SECONDS", 0.01)
    monkeypatch.setattr(log_module, "MOST_HELD", 2)
    notes: list[str] = []
    writer = JudgedLog(workspace, "run7", notes.append)
    folder = workspace / ".rollmill" / "segments"
    folder.mkdir(exist_ok=True)
    blocked = folder / "judged"
    blocked.write_text("a file in the way")
    writer.add([row(0), row(1)])
    assert until(lambda: writer.problem)
    with pytest.raises(rollmill.RollmillError, match="the log 'run7' cannot be written: "):
        writer.add([row(2)])
    blocked.unlink()
    assert until(lambda: not writer.problem)
    writer.close()
    assert notes == [f"rewards are not being logged: {notes[0].partition(': ')[2]}"]
    assert [one.completion_id for one in stored(workspace)] == ["c0", "c1"]


def test_show_has_a_row_a_step_with_the_share_of_doubt_and_a_second_verifier(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reward accepts every text that names the number, the second only a last line that is it."""
    writer = JudgedLog(workspace, "run7")
    honest = [row(n, step=0, text=text, reward=value, outcome=outcome) for n, (text, value, outcome) in enumerate(
        [("4", 1.0, "correct")] * 6 + [("5", 0.0, "incorrect")] * 12 + [("", None, "undecided")] * 2
    )]  # fmt: skip
    hacked = [row(n, step=9, text="4" if n < 8 else "4 or 5") for n in range(20)]
    writer.add([*honest, *hacked])
    writer.close()
    report = history("run7", f"{TOYS}:Plain", 100)
    first, last = report["steps"]
    assert (first["step"], first["n"], first["undecided"]) == (0, 20, 0.1)
    assert first["reward"]["value"] == pytest.approx(6 / 18)
    assert first["second"]["value"] == 1.0
    assert last["reward"]["value"] == 1.0
    assert last["second"]["value"] == pytest.approx(0.4)
    assert len(report["alerts"]) == 1
    assert run(["reward", "show", "run7", "--second", f"{TOYS}:Plain"]) == 0
    said = capsys.readouterr().out
    assert "ALERT: from steps 0 to 0 to steps 9 to 9 the share rewarded rose by 0.7" in said
    assert "Zou & Donner 2008" in said
    assert run(["reward", "show", "run7"]) == 0
    assert "These rewards are not compared with any other judge. Next:" in capsys.readouterr().out


def rewarded(step: int, right: int, wrong: int, refused: int) -> list[RewardedRow]:
    """Of one step: rewarded and right, rewarded and wrong, not rewarded."""
    kinds = [("correct", True)] * right + [("correct", False)] * wrong + [("incorrect", False)] * refused
    return [RewardedRow(step, f"p{n}", f"{step}/{n}", 1.0, outcome, second) for n, (outcome, second) in enumerate(kinds)]


def test_an_alert_needs_a_rise_that_the_second_judge_does_not_see() -> None:
    start_ = rewarded(0, 30, 0, 70)
    assert alert([*start_, *rewarded(9, 80, 0, 20)], "second", "math") == ""  # it learned
    assert alert([*start_, *rewarded(9, 30, 0, 70)], "second", "math") == ""  # nothing happened
    assert alert([*start_, *rewarded(9, 20, 10, 70)], "second", "math") == ""  # worse, and not rewarded for it
    assert alert([*start_, *rewarded(9, 30, 50, 20)], "second", "math").startswith("ALERT")
    assert alert(rewarded(0, 30, 50, 20), "second", "math") == ""  # one step is no rise
    middle = [one for step in (1, 2, 3, 4) for one in rewarded(step, 0, 90, 10)]
    assert (
        alert([*start_, *middle, *rewarded(5, 30, 0, 70)], "second", "math") == ""
    )  # first and last third of six: 0-1, 4-5


def test_a_log_becomes_an_import_that_keeps_its_labels(workspace: Path) -> None:
    writer = JudgedLog(workspace, "run7")
    writer.add([row(0), row(0, step=1, text='["4", "5"]'), row(1, step=2, text="", reward=None, outcome="undecided")])
    writer.close()
    with Workspace.open(workspace) as opened:
        report = publish(opened, "run7", "run7")
        assert (report.problems.new, report.completions.new) == (2, 3)
        again = publish(opened, "run7", "run7")
        assert (again.completions.new, again.completions.already) == (0, 3)
        late = publish(opened, "run7", "late", (2, None))
        assert (late.problems.new, late.completions.new) == (1, 1)
        kept = {one.text: dict(one.meta) for one in opened.segments.fetch("completions", _ids(opened))}
    assert kept['["4", "5"]']["training_step"] == 1
    assert kept["4"]["rewarded_outcome"] == "correct"
    assert kept["4"]["rewarded_by"] == "plain 1"
    assert kept[""].get("reward") is None
    with Workspace.open(workspace) as opened, pytest.raises(SetupError, match="has no row of these steps"):
        publish(opened, "run7", "none", (7, 8))


def _ids(opened: Workspace) -> list[str]:
    return [str(one) for one in opened.segments.read("completions", columns=["id"])["id"].to_pylist()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "run7"], "no log 'run7': no reward was logged here. Next: rollmill reward serve RECIPE --log run7"),
        (["publish", "run7"], "no log 'run7'"),
        (["serve", "number", "--log", "a/b"], "'a/b' cannot name an import"),
        (["serve", "number", "--host", "0.0.0.0"], "--host 0.0.0.0 is not loopback"),
        (["serve", "nowhere.yaml", "--port", "0"], "cannot read"),
    ],
)
def test_a_mistake_is_one_line(
    workspace: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["reward", *arguments]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


def test_a_misspelt_log_is_guessed(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = JudgedLog(workspace, "run7")
    writer.add([row(0)])
    writer.close()
    assert run(["reward", "show", "run8"]) == 2
    assert "unknown log of rewards 'run8'. Did you mean 'run7'" in capsys.readouterr().err


@pytest.mark.services
def test_a_killed_server_keeps_its_groups_and_an_interrupted_one_everything(workspace: Path) -> None:
    serve_and_end(workspace, 0, signal.SIGKILL)
    serve_and_end(workspace, 1, signal.SIGINT)
    assert [one.training_step for one in stored(workspace)] == [0] * 8 + [1] * 8 + [2]
    assert {one.reward for one in stored(workspace)} == {1.0}


def serve_and_end(workspace: Path, step: int, end: signal.Signals) -> None:
    """Serve, log eight rewards that need a worker, and end; by an interrupt with a ninth that is in no group yet."""
    server = start("reward", "serve", "math", "--port", "0", "--log", "run7", cwd=workspace)
    assert server.stdout is not None
    address = server.stdout.readline().split()[0]
    ask(address, [{"completion": rf"\boxed{{x^2+{n}}}", "reference": f"{n}+x*x"} for n in range(8)], step)
    assert until(lambda: len(stored(workspace)) >= 8 * (step + 1))
    if end == signal.SIGINT:
        ask(address, [{"completion": "7", "reference": "7"}], 2)
    workers = psutil.Process(server.pid).children(recursive=True)
    server.send_signal(end)
    said = finish(server)
    assert said.status == (-9 if end == signal.SIGKILL else 0)
    assert said.err == ""
    assert until(lambda: all(map(has_ended, workers)))


def ask(address: str, items: list[dict[str, str]], step: int) -> None:
    body = json.dumps({"items": items, "step": step}).encode()
    parts = urlsplit(address)  # urllib does not read the secret in an address
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {parts.password}"}
    request = urllib.request.Request(f"http://{parts.hostname}:{parts.port}{parts.path}", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert [one["value"] for one in json.load(answer)["rewards"]] == [1.0] * len(items)


RECIPE = """\
recipe_schema: 1
name: looked-at
problems: {imported: run7}
generate: {engine: imported, imports: [run7]}
verify: [{method: number}]
select: {method: quota}
"""


@pytest.mark.integration
def test_rollouts_of_a_training_are_audited_and_become_a_version(
    workspace: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JudgedLog(workspace, "run7")
    writer.add([row(n, step=n // 6, text=f"#### {4 + (n % 2) * (n < 6)}", outcome="correct") for n in range(12)])
    writer.close()
    assert rollmill("reward", "publish", "run7").status == 0
    (workspace / "looked-at.yaml").write_text(RECIPE)
    said = rollmill("curate", "looked-at.yaml", "--direct", "--json")
    assert said.status == 0, said.err
    name = json.loads(said.out)["run"]
    assert rollmill("dataset", "show", "looked-at").status == 0
    assert rollmill("audit", "verifier", "number", "--run", name, "--n", "12").status == 0
    judged = _judged(workspace, lambda text: "correct" if text == "#### 4" else "incorrect")
    assert judged == 12
    report = history("run7")
    assert report["people"] == "people"
    assert [(step["step"], step["people"]["value"]) for step in report["steps"]] == [(0, 0.5), (1, 1.0)]


def _judged(folder: Path, judgement: Callable[[str], Any]) -> int:
    from rollmill.storage.audits import PersonJudgement

    with Workspace.open(folder) as opened:
        [audit] = opened.audits.list()
        items = opened.audits.items(audit.id)
        texts = {one.id: one.text for one in opened.segments.fetch("completions", [item.completion_id for item in items])}
        return opened.audits.judge(
            PersonJudgement(*item.pair, "ann", judgement(texts[item.completion_id])) for item in items
        )
