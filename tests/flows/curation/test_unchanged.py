"""A recipe that is published as it stands: a rerun is answered from the ledger; what was altered takes every stage."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows import cli
from rollmill.flows.driver import Direct, drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import Curate
from rollmill.flows.jobs.unchanged import program, unchanged
from rollmill.flows.problem_sets import source_digest
from rollmill.flows.session import recipe_of
from rollmill.pipelines.select.quota import Quota
from rollmill.storage.audits import PersonJudgement
from rollmill.storage.versions.index import load_index
from rollmill.storage.workspace import Workspace

pytestmark = pytest.mark.integration
RECIPE = """\
recipe_schema: 1
name: small
seed: 7
problems: {synthesize: templates, options: {levels: [1], split: train}, count: 8}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
verify: [{method: number}]
budget: {method: fixed, options: {initial: 2}}
select: {method: quota, options: {per_problem: 1}}
gate: {min_kept: 1}
evaluation: [{file: held.jsonl}]
"""
HEAVY = ("duckdb", "great_expectations", "numpy", "onnxruntime", "prefect", "pyarrow")
LOADED = "import sys; from rollmill.flows import cli; cli.run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"


@dataclass(frozen=True)
class Finished:
    """A workspace with a finished run of small.yaml."""

    folder: Path

    def answer(self, *sets: str, **more: str) -> str:
        """The first words of the answer to a rerun; "" where every stage is taken."""
        job = Job.here(self.folder / "small.yaml", sets, **{"profile": None, **more})
        known = unchanged(job, recipe_of(job))
        return "" if known is None else str(known["messages"][0]).partition(" (")[0]

    @property
    def version(self) -> Path:
        with Workspace.open(self.folder) as workspace:
            newest = load_index(workspace.datasets, "small").newest
        assert newest is not None
        return self.folder / "datasets" / "small" / newest.folder


def run(*words: str) -> None:
    assert cli.run(words) == 0


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("unchanged") / "ws"
    Workspace.init(folder).close()
    (folder / "small.yaml").write_text(RECIPE)
    (folder / "held.jsonl").write_text('{"prompt": "What is 1 + 1?"}\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run("curate", "small.yaml", "--direct")
        yield Finished(folder)


@pytest.fixture
def finished(place: Finished, monkeypatch: pytest.MonkeyPatch) -> Finished:
    """Every test ends with the workspace as it was, or with a run of its own."""
    monkeypatch.chdir(place.folder)
    if not place.answer():
        shutil.rmtree(place.version)  # which may be the altered one
        run("curate", "small.yaml", "--direct")
    assert place.answer() == "unchanged: small@v1"
    return place


def test_a_rerun_loads_nothing_heavy_and_says_what_the_whole_way_says(finished: Finished) -> None:
    words = ["curate", "small.yaml", "--json"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run([sys.executable, "-c", LOADED, *words], env=env, check=True, capture_output=True, text=True)
    again = json.loads(done.stdout)
    assert [name for name in HEAVY if name in done.stderr.split()] == []
    assert again["messages"][0].startswith("unchanged: small@v1 (")
    (finished.folder / "reports" / "small" / "content.json").unlink()
    whole = json.loads(
        subprocess.run(
            [sys.executable, "-m", "rollmill.flows.cli", *words], env=env, check=True, capture_output=True
        ).stdout
    )
    differ = {"messages", "seconds", "spent"}
    assert {key: whole[key] for key in whole.keys() - differ} == {key: again[key] for key in again.keys() - differ}
    assert {**whole["spent"], "seconds": 0.0} == again["spent"]


def test_a_changed_model_takes_every_stage(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    stamped: list[str] = []
    monkeypatch.setattr("rollmill.flows.jobs.unchanged._stamp", lambda path: stamped.append(str(path)))
    finished.answer()
    assert [path for path in stamped if path.endswith("rollmill-tiny/model.onnx")]


def held_out(place: Finished) -> None:
    (place.folder / "held.jsonl").write_text('{"prompt": "What is 1 + 2?"}\n')


def segment_deleted(place: Finished) -> None:
    next((place.folder / ".rollmill" / "segments").rglob("*.parquet")).unlink()


def version_altered(place: Finished) -> None:
    with next((place.version / "shards").rglob("*.parquet")).open("r+b") as file:
        file.write(b"x")


def version_deleted(place: Finished) -> None:
    (place.version / "shards.json").unlink()


def report_deleted(place: Finished) -> None:
    (place.folder / "reports" / "small" / "metrics.json").unlink()


def imported(place: Finished) -> None:
    (place.folder / "sums.jsonl").write_text('{"id": "1", "prompt": "1 + 1 = ?", "reference": "2"}\n')
    run("import", "problems", "sums.jsonl", "--name", "sums")


def judged(place: Finished) -> None:
    with Workspace.open(place.folder) as workspace:
        row = workspace.segments.read("verdicts").to_pylist()[0]
        workspace.audits.judge([PersonJudgement(row["completion_id"], row["problem_id"], "me", "correct")])


def interrupted(place: Finished) -> None:
    with Workspace.open(place.folder) as workspace:
        last = workspace.runs.chosen(None)
        workspace.runs.finish(last.id, "interrupted", last.summary)


def publication_begun(place: Finished) -> None:
    (place.folder / "datasets" / "small" / ".partial-v2-00000000").mkdir()


@pytest.mark.parametrize(
    "alter",
    [
        held_out,
        segment_deleted,
        version_altered,
        version_deleted,
        report_deleted,
        imported,
        judged,
        interrupted,
        publication_begun,
    ],
)
def test_what_is_altered_takes_every_stage(finished: Finished, alter: Callable[[Finished], None]) -> None:
    alter(finished)
    assert finished.answer() == ""


@pytest.mark.parametrize("key", ["seed=8", "generate.temperature=0.5", "select.options.per_problem=2", "gate.min_kept=2"])
def test_another_key_of_the_recipe_is_another_question(finished: Finished, key: str) -> None:
    assert finished.answer(key) == ""


def test_another_profile_or_method_takes_every_stage(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    (finished.folder / "mine.yaml").write_text("workers: 1\n")
    assert finished.answer(profile="mine.yaml") == ""
    monkeypatch.setattr(Quota, "version", "next")
    assert finished.answer() == ""


def test_another_program_takes_every_stage(finished: Finished, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "__init__.py").write_text("")
    monkeypatch.setattr("rollmill.flows.problem_sets.PROGRAM", [tmp_path / "flows"])
    for asked in (program, source_digest):  # another process would ask anew
        monkeypatch.setattr(f"rollmill.flows.jobs.unchanged.{asked.__name__}", asked.__wrapped__)
    assert finished.answer() == ""


def own_answer(folder: Path, recipe: str) -> bool:
    """True if a rerun of a recipe with code of one's own is answered from the ledger."""
    (folder / "own.yaml").write_text(recipe.replace("small", "own"))
    run("curate", "own.yaml", "--direct")
    job = Job.here("own.yaml", (), None)
    return unchanged(job, recipe_of(job)) is not None


def test_a_verifier_of_ones_own_counts_with_its_file(finished: Finished) -> None:
    file, text = finished.folder / "mine.py", "from rollmill.pipelines.verify.number import NumberVerifier as Mine\n"
    file.write_text(text)
    assert own_answer(finished.folder, RECIPE.replace("method: number", "method: mine.py:Mine"))
    file.write_text(f"{text}# Another file.\n")
    job = Job.here("own.yaml", (), None)
    assert unchanged(job, recipe_of(job)) is None


def test_other_code_of_ones_own_takes_every_stage(finished: Finished) -> None:
    shutil.copy(Path(__file__).parents[2] / "toys.py", finished.folder)
    made = RECIPE.replace("templates, options: {levels: [1], split: train}", "toys.py:ToyProblems")
    assert not own_answer(finished.folder, made.replace("min_kept: 1", "min_kept: 0"))


def test_a_yanked_version_takes_every_stage(finished: Finished) -> None:
    index = finished.folder / "datasets" / "small" / "index.json"
    before = index.read_text()
    run("dataset", "yank", "small@v1", "--reason", "wrong")
    assert finished.answer() == ""
    index.write_text(before)


def test_a_copied_workspace_takes_every_stage(finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    monkeypatch.chdir(copy)
    assert Finished(copy).answer() == ""


class Interrupted(Direct):
    """Ctrl-C where a stage begins."""

    def __init__(self, at: str) -> None:
        self.at = at

    def stage(self, name: str, work: Callable[[], Any], **inputs: str | int) -> Any:
        if name == self.at:
            raise KeyboardInterrupt
        return super().stage(name, work, **inputs)


def ended(place: Finished, at: str, *sets: str) -> tuple[str, bool]:
    """Status of the run of a command that is interrupted at a stage, and whether its summary names a version."""
    job = Job.here(place.folder / "small.yaml", sets, None)
    with pytest.raises(KeyboardInterrupt):
        drive(Curate(job), Interrupted(at))
    with Workspace.open(place.folder) as workspace:
        [run] = [run for run in workspace.runs.list() if run.recipe_hash == recipe_of(job).recipe_hash]
        return run.status, run.published


@pytest.mark.parametrize("stage", ["synthesize", "select", "gate", "publish"])
def test_an_interrupted_rerun_that_changed_nothing_leaves_the_run_done(place: Finished, stage: str) -> None:
    run("curate", "small.yaml", "--direct")
    assert ended(place, stage) == ("done", True)
    assert place.answer() == "unchanged: small@v1"


def test_an_interrupted_run_that_was_not_finished_is_interrupted(place: Finished) -> None:
    assert ended(place, "gate", "seed=8") == ("interrupted", False)
    assert ended(place, "draw", "seed=8") == ("interrupted", False)
