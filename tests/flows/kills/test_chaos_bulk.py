"""kill -9 while thousands of imported rollouts are judged: the resumed command judges what is missing, nothing twice."""

import json
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import finish, start
from tests.flows.test_services import left_behind
from tests.waiting import until

pytestmark = pytest.mark.chaos

PROBLEMS, SAMPLES, BATCH, OPEN = 300, 10, 64, 4
ROWS = PROBLEMS * SAMPLES
Outcome = dict[str, object]
RECIPE = f"""\
recipe_schema: 1
name: bulk
problems: {{imported: bulk}}
generate: {{engine: imported, batch_size: {BATCH}}}
verify:
  - method: counted.py:Counted
  - method: math
select: {{method: all_correct}}
gate: {{max_undecided: 0.5}}
"""
# Writes down each pair that it judges; slow where told to be, so that a kill lands in the middle.
COUNTED = """\
import os
import time
from pathlib import Path

from rollmill.pipelines.verify.number import NumberVerifier


class Counted(NumberVerifier):
    def verify(self, problem, completion):
        time.sleep(float(os.environ.get("SLOW", "0")))
        with Path(os.environ["CALLS"]).open("a") as calls:
            calls.write(f"{completion.id}\\n")
        return super().verify(problem, completion)
"""


@dataclass
class Judged:
    """A workspace with what its verifier was asked so far."""

    path: Path

    def calls(self) -> list[str]:
        return (self.path / "calls").read_text().split() if (self.path / "calls").exists() else []

    def curate(self, **env: str) -> Outcome:
        result = finish(
            start("curate", "bulk.yaml", "--direct", "--json", cwd=self.path, CALLS=str(self.path / "calls"), **env)
        )
        assert result.status == 0, result.err
        outcome: dict[str, object] = json.loads(result.out)
        return outcome

    def verdicts(self) -> tuple[int, int]:
        """Rows of the first verifier's segments, and distinct pairs among them."""
        with Workspace.open(self.path) as workspace:
            segments = [
                segment for segment in workspace.segments.registry.segments("verdicts") if segment.producer == "number"
            ]
            with workspace.segments.connect() as connection:
                pairs = "SELECT DISTINCT completion_id, problem_id FROM verdicts WHERE verifier = 'number'"
                distinct = connection.execute(f"SELECT count(*) FROM ({pairs})").fetchall()[0][0]
        return sum(segment.rows for segment in segments), distinct


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3,000 rollouts: right and wrong ones, formulas for the second verifier, and texts without an answer."""
    folder = tmp_path_factory.mktemp("imported") / "ws"
    Workspace.init(folder).close()
    (folder / "bulk.yaml").write_text(RECIPE)
    (folder / "counted.py").write_text(COUNTED)
    endings = ("#### {0}", "#### {1}", r"So it is \boxed{{\frac{{{2}}}{{2}}}}", "I do not know.", "The answer is {0}.")
    with (folder / "bulk.jsonl").open("w") as file:
        for number in range(ROWS):  # sample by sample, so that a problem's rollouts lie far apart
            problem, sample = number % PROBLEMS, number // PROBLEMS
            answer = 3 * problem + 2
            text = endings[(problem + sample) % 5].format(answer, answer + sample, 2 * answer)
            row = {"prompt": f"What is {problem} * 3 + 2?", "reference": str(answer), "model": "m", "sample_index": sample}
            file.write(json.dumps({**row, "text": f"Attempt {sample}. {text}"}) + "\n")
    result = finish(start("import", "rollouts", "bulk.jsonl", "--name", "bulk", cwd=folder))
    assert result.status == 0, result.err
    return folder


@pytest.fixture(scope="module")
def undisturbed(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    whole = Judged(Path(shutil.copytree(imported, tmp_path_factory.mktemp("undisturbed") / "ws")))
    outcome = whole.curate()
    assert sorted(whole.calls()) == sorted(set(whole.calls()))
    assert len(whole.calls()) == ROWS
    return outcome


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3))])
def test_a_kill_in_the_middle_of_judging(imported: Path, undisturbed: Outcome, tmp_path: Path, seed: int) -> None:
    killed = Judged(Path(shutil.copytree(imported, tmp_path / "ws")))
    rng = random.Random(seed)
    target = rng.randrange(ROWS // 10, ROWS * 8 // 10)
    command = start("curate", "bulk.yaml", "--direct", cwd=killed.path, CALLS=str(killed.path / "calls"), SLOW="0.001")
    assert until(lambda: len(killed.calls()) >= target, 120)
    time.sleep(rng.uniform(0, 0.1))
    command.kill()
    assert finish(command).status == -9
    assert until(lambda: left_behind(killed.path) == []), left_behind(killed.path)
    committed, distinct = killed.verdicts()
    before = killed.calls()
    assert 0 < committed == distinct < ROWS
    assert 0 <= len(before) - committed <= OPEN * BATCH  # judged, and lost with the process
    outcome = killed.curate()
    again = killed.calls()[len(before) :]
    assert len(again) == len(set(again)) == ROWS - committed
    assert killed.verdicts() == (ROWS, ROWS)
    assert outcome["content_hash"] == undisturbed["content_hash"]
