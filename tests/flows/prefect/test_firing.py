"""Firings of a schedule: their numbers, their ends in the ledger, what `schedule list` and `schedule add` say of them."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from rollmill.flows.driver import DIRECT, Direct, JobKind, drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import Curate
from rollmill.flows.prefect.firing import fire
from rollmill.flows.prefect.standing import _deployment
from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.storage.ledger.models import FiringRow, LeaseRow
from rollmill.storage.ledger.owners import Owner
from rollmill.storage.run_records import Firing
from rollmill.storage.schedules import Schedule
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.flows.evaluation.test_evaluate import EVALUATION
from tests.flows.sweeps.test_sweep import SWEEP

pytestmark = pytest.mark.integration

Outcome = dict[str, Any]
DONE = {"dataset": "toy", "version": 1, "created": True, "spent": {"drawn": 7}}


def job(toy: Path, *sets: str) -> Job:
    return Job(str(toy), str(toy / "toy.yaml"), sets)


def last(toy: Path) -> Firing:
    with Workspace.open(toy) as workspace:
        firing = workspace.firings.last("nightly")
    assert firing is not None
    return firing


class Ends(Direct):
    """Stages that do nothing, or end in an error."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def all_stages(self, kind: JobKind[Any], target: Any) -> Outcome:
        del kind, target
        if self.error is not None:
            raise self.error
        return dict(DONE)


def fired(toy: Path, fresh: str | None, error: BaseException | None = None) -> Firing:
    """A firing whose work does nothing, or ends in an error."""
    try:
        fire("nightly", fresh, job(toy), Ends(error))
    except BaseException as raised:
        assert raised is error  # noqa: PT017
    return last(toy)


def test_a_fresh_firing_draws_anew_and_its_run_says_how_to_make_it_again(toy: Path, rollmill: Run) -> None:
    outcome = fire("nightly", "redraw", job(toy), DIRECT)
    rows = outcome["spent"]["drawn"]
    assert (last(toy).number, last(toy).run, last(toy).said) == (1, outcome["run"], f"toy@v1 published, {rows} drawn")
    with Workspace.open(toy) as workspace:
        assert workspace.runs.get(outcome["run"]).recipe["job"]["sets"] == ["generate.redraw=1"]
    again = json.loads(rollmill("curate", "toy.yaml", "--redraw", "1", "--dry-run", "--json").out)
    assert (again["run"], again["planned"], again["to_draw"]) == (outcome["run"], rows, 0)
    plain = json.loads(rollmill("curate", "toy.yaml", "--dry-run", "--json").out)
    assert (plain["run"] == outcome["run"], plain["to_draw"]) == (False, 48)


def test_a_firing_leaves_the_newer_version_of_a_person_alone(toy: Path) -> None:
    """Its recipe is as it was: what it would publish is there, and `latest` is what the person made of it since."""
    nightly = Schedule("nightly", "0 2 * * *", str(toy / "toy.yaml"))

    def firing(item: Schedule) -> str:
        parameters = _deployment(item, toy).parameters
        fire(item.name, item.fresh, Job(recipe=parameters["recipe"], **parameters["options"]), DIRECT)
        return f"{last(toy).said}; latest {(toy / 'datasets' / 'toy' / 'latest').resolve().name[:2]}"

    assert firing(nightly) == "toy@v1 published, 76 drawn; latest v1"
    assert drive(Curate(job(toy, "select.options.per_problem=1")))["version"] == 2
    assert firing(nightly) == "toy@v1 nothing new, 0 drawn; latest v2"
    assert firing(replace(nightly, publish_again=True)) == "toy@v3 published, 0 drawn; latest v3"


def test_a_fresh_firing_of_an_evaluation_asks_anew_and_keeps_what_it_was(toy: Path, rollmill: Run) -> None:
    (toy / "sums.yaml").write_text(EVALUATION)
    evaluation = Job(str(toy), str(toy / "sums.yaml"), ("samples=2",), verb="evaluate")
    first = fire("nightly", "redraw", evaluation, DIRECT)
    assert (last(toy).number, last(toy).run, last(toy).said) == (1, None, "sums: 1 cells measured, 24 drawn")
    (toy / "sums.yaml").write_text(EVALUATION.replace("chance: 0.7", "chance: 0.1"))
    kept = last(toy).recipe
    assert kept is not None
    assert (kept["redraw"], kept["samples"], kept["cells"][0]["generate"]["options"]["chance"]) == (1, 2, 0.7)
    second = fire("nightly", "redraw", evaluation, DIRECT)
    assert (last(toy).number, second["cells"][0]["correct"] < first["cells"][0]["correct"]) == (2, True)
    assert fire("nightly", None, evaluation, DIRECT)["cells"][0]["spent"]["drawn"] == 24
    assert fire("nightly", None, evaluation, DIRECT)["cells"][0]["spent"]["drawn"] == 0
    assert (last(toy).number, (toy / "reports" / "sums" / "evaluation.json").exists()) == (None, True)
    assert fire("nightly", "seed", evaluation, DIRECT)["cells"][0]["spent"]["drawn"] == 24
    assert last(toy).number == 4


def test_evaluations_and_recipes_have_schedules_side_by_side(toy: Path, rollmill: Run) -> None:
    (toy / "sums.yaml").write_text(EVALUATION)
    cron = ("--cron", "0 2 * * *")
    assert "Not fresh: every firing continues the same evaluation." in rollmill("schedule", "add", "sums.yaml", *cron).out
    text = rollmill("schedule", "add", "sums.yaml", *cron, "--fresh", "redraw").out
    assert (
        "Fresh: every firing draws new completions of the same problems, under the next number (redraw=1, 2, ...)" in text
    )
    assert rollmill("schedule", "add", "toy.yaml", *cron).status == 0
    listed = json.loads(rollmill("schedule", "list", "--json").out)["schedules"]
    assert [(row["name"], row["verb"], row["fresh"]) for row in listed] == [
        ("sums", "evaluate", "redraw"),
        ("toy", "curate", None),
    ]
    assert "sums  evaluate  At 02:00 every day (UTC)" in rollmill("schedule", "list").out
    now = rollmill("schedule", "run-now", "sums")
    assert (now.status, f"Next: rollmill evaluate {toy / 'sums.yaml'}" in now.err) == (2, True)
    assert rollmill("schedule", "pause", "sums").status == 0
    wrong = rollmill(
        "schedule", "add", "sums.yaml", *cron, "--set", "models=[{name: all, engine: imported}]", "--fresh", "seed"
    )
    assert (wrong.status, "--fresh draws new completions" in wrong.err) == (2, True)
    assert "Removed sums." in rollmill("schedule", "remove", "sums").out


def test_an_unfinished_firing_is_gone_on_with_and_one_that_ended_is_not(toy: Path) -> None:
    assert fired(toy, "redraw").number == 1
    broken = fired(toy, "redraw", ValueError("no"))
    assert (broken.number, broken.status, broken.said) == (2, "failed", "ValueError: no")
    failed = fired(toy, "redraw", OSError(5, "Input/output error"))
    assert failed.said.startswith("the disk could not read or write a file (input/output error). Next: look at the disk")
    stopped = fired(toy, "redraw", KeyboardInterrupt())
    assert (stopped.number, stopped.status) == (2, "interrupted")
    refused = fired(toy, "redraw", FoundWanting("the gate did not pass; nothing is published.\n  min_kept"))
    assert (refused.number, refused.status) == (2, "refused")
    assert refused.said == "the gate did not pass; nothing is published."
    assert fired(toy, "redraw").number == 3
    assert (fired(toy, None).number, fired(toy, "seed").number) == (None, 4)  # the recipe's own seed is 3
    with Workspace.open(toy) as workspace:
        assert workspace.firings.begin("another", str(toy / "toy.yaml"), "redraw").number == 4
        assert workspace.firings.begin("another", str(toy / "other.yaml"), "redraw").number == 1


def test_a_killed_firing_is_told_from_one_that_runs(toy: Path) -> None:
    with Workspace.open(toy) as workspace:
        begun = workspace.firings.begin("nightly", "toy.yaml", "redraw")
        assert begun.status == "running"
        with workspace.ledger.write() as session:
            session.get_one(FiringRow, begun.id).started -= 1
    assert last(toy).status == "killed"
    assert fired(toy, "redraw").number == 1


def test_a_firing_on_another_host_runs_until_its_lease_ends(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a schedule that skips what overlaps would wait for ever for a host that is gone."""
    there = Owner("elsewhere/1", os.getpid(), 1.0)
    with Workspace.open(toy) as workspace:
        with monkeypatch.context() as elsewhere:
            elsewhere.setattr("rollmill.storage.ledger.leases.this_process", lambda: there)
            elsewhere.setattr("rollmill.storage.run_records.this_process", lambda: there)
            working = workspace.firings.under_way("nightly")
            working.__enter__()
            workspace.firings.begin("nightly", "toy.yaml", "redraw")
        assert last(toy).status == "running"
        with workspace.ledger.write() as session:
            session.execute(update(LeaseRow).values(expires_at=0.0))
        assert last(toy).status == "killed"
        assert fired(toy, "redraw").number == 1
        working.__exit__(None, None, None)


def test_what_fails_before_there_is_a_run_is_recorded_too(toy: Path) -> None:
    (toy / "toys.py").write_text("def broken(:\n")
    for fresh in (None, "redraw"):
        with pytest.raises(SetupError, match=r"toys\.py"):
            fire("nightly", fresh, job(toy), DIRECT)
        firing = last(toy)
        assert (firing.status, firing.run, firing.number) == ("failed", None, 1 if fresh else None)
        assert "toys.py" in firing.said


def test_the_verbs_say_which_was_chosen_and_what_came_of_it(toy: Path, rollmill: Run) -> None:
    add = ("schedule", "add", "toy.yaml", "--cron", "0 2 * * *", "--name", "nightly")
    assert "Not fresh: every firing continues the same recipe." in rollmill(*add).out
    assert "nightly: has not fired yet" in rollmill("schedule", "list").out
    assert "Fresh: every firing takes the next seed" in rollmill(*add, "--fresh", "seed").out
    assert "Fresh: every firing draws new completions of the same problems" in rollmill(*add, "--fresh", "redraw").out
    wrong = rollmill(*add, "--fresh", "always")
    assert (wrong.status, "Valid: redraw, seed." in wrong.err) == (2, True)
    fired(toy, "redraw")
    listed = rollmill("schedule", "list").out
    assert (
        f"nightly: fired {last(toy).fired_at:%Y-%m-%d %H:%M} UTC under number 1, done: toy@v1 published, 7 drawn" in listed
    )
    row = json.loads(rollmill("schedule", "list", "--json").out)["schedules"][0]
    assert (row["fresh"], row["last"]["status"], row["last"]["number"]) == ("redraw", "done", 1)


def test_a_recipe_that_draws_nothing_cannot_be_fresh(toy: Path, rollmill: Run) -> None:
    text = (toy / "toy.yaml").read_text()
    (toy / "held.yaml").write_text(
        text[: text.index("problems:")]
        + "problems: {imported: mine}\ngenerate: {engine: imported}\n"
        + text[text.index("verify:") :]
    )
    result = rollmill("schedule", "add", "held.yaml", "--cron", "0 2 * * *", "--fresh", "redraw")
    assert (result.status, "--fresh draws new completions, and this recipe draws none" in result.err) == (2, True)


def test_a_damaged_file_of_schedules_names_the_way_out(toy: Path, rollmill: Run) -> None:
    (toy / ".rollmill" / "schedules.json").write_text("[{half")
    result = rollmill("schedule", "list")
    assert (result.status, "schedules.json cannot be read" in result.err, "Traceback" in result.err) == (2, True, False)
    findings = json.loads(rollmill("doctor", "--quick", "--json").out)["findings"]
    assert ["schedules.json cannot be read" in finding["detail"] for finding in findings if not finding["ok"]] == [True]


def test_a_sweep_and_a_mixture_are_fired(toy: Path, rollmill: Run) -> None:
    """A fresh sweep makes other problems; a mixture takes what its source has, and equal content is nothing new."""
    base = {"set": {"evaluation": []}, "allocator": {"method": "halving", "options": {"total": 8}}, "report": 1}
    (toy / "chances.yaml").write_text(json.dumps({**SWEEP, **base}))
    swept = Job(str(toy), str(toy / "chances.yaml"), verb="sweep")
    first, second = (fire("nightly", "seed", swept, DIRECT)["run"] for _ in range(2))
    assert (last(toy).number, last(toy).run == second, first == second) == (5, True, False)
    assert last(toy).said.startswith("chances: ")
    assert fire("nightly", None, job(toy), DIRECT)["version"] == 1
    mixture = {
        "mix_schema": 1,
        "name": "mixed",
        "sources": {"all": {"version": "toy"}},
        "size": 4,
        "gate": {"max_undecided": 1.0},
    }
    (toy / "mixed.yaml").write_text(json.dumps(mixture))
    mixed = Job(str(toy), str(toy / "mixed.yaml"), verb="mix")
    said = []
    for _ in range(2):
        fire("nightly", None, mixed, DIRECT)
        said.append(last(toy).said)
    assert said == ["mixed@v1 published, 4 rows", "mixed@v1 nothing new, 4 rows"]
