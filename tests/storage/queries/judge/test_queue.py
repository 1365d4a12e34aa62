"""The hopeless queue of real runs, and its export back into a workspace."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import decide, run_all
from rollmill.ground.records import Message, Problem
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.sequential import Sequential
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.queries.judge.queue import HopelessQueue, export_rows, hopeless_queue
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import problems, spec, workspace
from tests.json_lines import write_lines
from tests.storage.queries.conftest import DONE

pytestmark = pytest.mark.integration

RATES = (100, 60, 0)


def queue(path: Path) -> HopelessQueue:
    with Reader.open(path) as reader:
        return hopeless_queue(run_scope(reader, "toy-run"))


def drawn(path: Path, sums: list[Problem], **changes: Any) -> None:
    with workspace(path) as ws:
        ws.segments.commit(_key(), sums)
        with spec(problems=sums, **changes).open(ws) as part:
            run_all(part)
            decide(part)


def _key() -> Any:
    from rollmill.storage.segments.keys import SegmentKey

    return SegmentKey("problems", "templates", "1", "all")


@pytest.fixture(scope="module")
def given_up(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Problem]]:
    """45 sums, every third of which the toy never solves; half of the hopeless ones go on."""
    path = tmp_path_factory.mktemp("given-up")
    sums = [replace(problem, template=f"t{problem.level}") for problem in problems(45, RATES)]
    drawn(path, sums, budget=Sequential(initial=4, target=2, cap=32, hopeless=0.1, explore=0.5))
    return path, sums


def test_the_queue_holds_what_was_given_up_with_its_evidence(given_up: tuple[Path, list[Problem]]) -> None:
    path, sums = given_up
    hopeless = queue(path)
    never = {problem.id for problem in sums if problem.level == 2}
    assert {entry.problem.id for entry in hopeless.problems} == never
    assert all(entry.correct == 0 for entry in hopeless.problems)
    went_on = [entry for entry in hopeless.problems if entry.continued]
    stopped = [entry for entry in hopeless.problems if not entry.continued]
    assert {(entry.reason, entry.drawn) for entry in went_on} == {("trial_cap", 32)}
    assert {entry.reason for entry in stopped} == {"hopeless"}
    assert max(entry.drawn for entry in stopped) < 32
    assert {entry.upper_by for entry in stopped} == {"posterior"}
    assert all(entry.evidence["chance"] < 0.1 for entry in hopeless.problems)
    assert all(entry.upper == pytest.approx(1 - 0.05 ** (1 / 32)) for entry in went_on)
    assert hopeless.tokens == sum(entry.tokens for entry in hopeless.problems) > 0


def test_the_rule_is_measured_by_those_that_went_on(given_up: tuple[Path, list[Problem]]) -> None:
    rule = queue(given_up[0]).rule
    assert (rule.stopped + rule.continued, rule.met, rule.ended) == (15, 0, rule.continued)
    assert 3 <= rule.continued <= 12
    assert rule.error is not None
    assert rule.error.high < 0.75


def test_never_solved_by_another_budget_is_in_the_queue_too(tmp_path: Path) -> None:
    sums = problems(6, RATES)
    drawn(tmp_path, sums, budget=DarsUniform(initial=4, target=1, cap=8))
    hopeless = queue(tmp_path)
    assert {entry.problem.id for entry in hopeless.problems} == {problem.id for problem in sums if problem.level == 2}
    assert {(entry.reason, entry.upper_by, entry.continued) for entry in hopeless.problems} == {
        ("trial_cap", "exact", False)
    }
    assert hopeless.problems[0].upper == pytest.approx(1 - 0.05 ** (1 / 8))
    assert hopeless.rule.continued == 0


def test_the_export_is_imported_as_the_same_problems(given_up: tuple[Path, list[Problem]], tmp_path: Path) -> None:
    hopeless = queue(given_up[0])
    file = tmp_path / "hopeless.jsonl"
    write_lines(file, export_rows(hopeless))
    with Workspace.init(tmp_path / "other") as ws:
        report = import_problems(ws, ImportSpec(file, "hopeless"))
        assert report.problems.new == len(hopeless.problems)
        stored = {
            problem.id: problem for problem in ws.segments.fetch("problems", [p.problem.id for p in hopeless.problems])
        }
    for entry in hopeless.problems:
        again = stored[entry.problem.id]
        assert (again.level, again.skill, again.template) == (
            entry.problem.level,
            entry.problem.skill,
            entry.problem.template,
        )
        assert again.meta["hopeless"]["drawn"] == entry.drawn


def test_tests_messages_and_meta_survive_the_export(given_up: tuple[Path, list[Problem]], tmp_path: Path) -> None:
    hopeless = queue(given_up[0])
    chat = (Message("system", "Be brief."), Message("user", "2 + 2?"))
    odd = [
        Problem("Write f.", "", kind="code", tests=("assert f(1) == 2", "assert f(2) == 3"), external_id="x1"),
        Problem(chat, "4", meta={"norm": 0.5, "solution": "add", "type": "sum"}, licence="MIT", split="test"),
    ]
    rows = [replace(hopeless.problems[0], problem=problem) for problem in odd]
    file = tmp_path / "odd.jsonl"
    write_lines(file, export_rows(replace(hopeless, problems=tuple(rows))))
    with Workspace.init(tmp_path / "other") as ws:
        import_problems(ws, ImportSpec(file, "odd"))
        code, talk = ws.segments.fetch("problems", [problem.id for problem in odd])
    assert (code.tests, code.kind, code.external_id) == (odd[0].tests, "code", "x1")
    assert (talk.prompt, talk.licence, talk.split, talk.meta["norm"]) == (chat, "MIT", "test", 0.5)
    assert talk.meta["meta"] == {"solution": "add", "type": "sum"}


def test_only_a_run_has_a_queue(curated: Any) -> None:
    with pytest.raises(ValueError, match="only a run has a queue"):
        hopeless_queue(replace(run_scope(curated.reader, DONE), run=None))
