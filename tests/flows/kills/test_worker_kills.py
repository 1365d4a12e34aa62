"""Verifier workers killed by SIGKILL in the middle of a real command: it goes on, to the rows of no kill."""

import json
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Run

pytestmark = pytest.mark.integration

ANSWERS = [rf"{1003 + 2 * number}\cos(0)" for number in range(12)]  # the right ones of the toy problems
FORMULAS = (
    RECIPE.replace("toys.py:ToyEngine", "tests.flows.written.formulas:Formulas")
    .replace("method: number", "method: tests.flows.written.formulas:Judged")
    .replace("method: prop2diff\n  options: {initial: 4, target: 3, cap: 16}", "method: fixed\n  options: {initial: 8}")
    .replace("min_kept: 10", "min_kept: 10\n  max_undecided: 0.2")
)


Judged = dict[str, tuple[str, str, str | None]]


@dataclass
class Shooting:
    """Runs one recipe in workspaces of its own while workers are shot."""

    folder: Path
    rollmill: Run
    patch: pytest.MonkeyPatch

    def curate(self, name: str, who: str, answers: dict[str, int]) -> tuple[str, Judged]:
        """The content hash, and (outcome, rule, cause) of every completion; each answer's workers die so often."""
        place = self.folder / name
        Workspace.init(place).close()
        shutil.copyfile(Path(__file__).parents[2] / "toys.py", place / "toys.py")
        (place / "toy.yaml").write_text(FORMULAS)
        (place / "shots.json").write_text(json.dumps({"who": who, "answers": answers}))
        self.patch.chdir(place)
        self.patch.setenv("SHOOTING", str(place))
        before = psutil.Process().children(recursive=True)
        result = self.rollmill("curate", "toy.yaml", "--direct", "--json")
        assert result.status == 0, result.err
        assert psutil.Process().children(recursive=True) == before
        with Workspace.open(place) as ws:
            rows = ws.segments.read("verdicts").to_pylist()
        assert len(rows) == 96
        return json.loads(result.out)["content_hash"], {
            row["completion_id"]: (row["outcome"], row["rule"], row["cause"]) for row in rows
        }

    def lines(self, name: str, log: str) -> Counter[str]:
        """How often each answer is in a log of the workers."""
        return Counter((self.folder / name / log).read_text().splitlines())


@pytest.fixture
def shooting(tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> Shooting:
    return Shooting(tmp_path, rollmill, monkeypatch)


def test_shot_workers_change_no_verdict_but_that_of_an_answer_that_always_kills(shooting: Shooting) -> None:
    """One worker once; every worker, idle or not, at three right answers; each worker that is asked about one answer."""
    content, verdicts = shooting.curate("undisturbed", "self", {})
    items = shooting.lines("undisturbed", "asked")
    assert set(items) == set(ANSWERS)
    assert shooting.curate("once", "self", {ANSWERS[3]: 1}) == (content, verdicts)
    assert shooting.lines("once", "shot") == {ANSWERS[3]: 1}
    assert shooting.lines("once", "asked")[ANSWERS[3]] > items[ANSWERS[3]]
    assert shooting.curate("all", "all", dict.fromkeys(ANSWERS[::4], 1)) == (content, verdicts)
    assert shooting.lines("all", "shot") == dict.fromkeys(ANSWERS[::4], 1)
    other, found = shooting.curate("always", "self", {ANSWERS[3]: 99})
    changed = {cid for cid, verdict in found.items() if verdict != verdicts[cid]}
    assert {verdicts[cid][0] for cid in changed} == {"correct"}
    assert {found[cid] for cid in changed} == {("undecided", "hash:worker", "crash: signal 9")}
    assert len(changed) > 2
    assert shooting.lines("always", "asked")[ANSWERS[3]] == 8  # round and pool ask twice each, of two workers each time
    assert other != content
