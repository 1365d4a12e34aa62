"""A recipe with engine vllm through the command line: a dataset, a kill -9 in the middle, the same command again."""

import shutil
import signal
import sys
import time
from pathlib import Path

import duckdb
import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, finish, start
from tests.pipelines.generate.vllm.toys import TOY

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: drawn
seed: 4
problems: {synthesize: templates, count: 48, options: {levels: [1, 2, 3], split: train}}
generate:
  engine: vllm
  model: models/rollmill-tiny
  max_tokens: 200
  batch_size: 64
  options: {dtype: float32, logprobs: 0, self_certainty: true}
budget: {method: fixed, options: {initial: 32}}
select: {method: all_correct}
"""
IMPORTED = """\
recipe_schema: 1
name: drawn
seed: 4
problems: {imported: sums}
generate: {engine: vllm, model: models/rollmill-tiny, batch_size: 64, options: {logprobs: 0, max_model_len: 2000}}
budget: {method: fixed, options: {initial: 32}}
select: {method: all_correct}
"""
PROFILE = """\
vllm: {enforce_eager: true, max_num_seqs: 8, start_seconds: 400, env: {VLLM_CPU_KVCACHE_SPACE: "1"}}
"""
ROWS = 48 * 32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the recipe and the profile."""
    made = tmp_path / "ws"
    Workspace.init(made).close()
    (made / "drawn.yaml").write_text(RECIPE)
    (made / "vllm.yaml").write_text(PROFILE)
    monkeypatch.chdir(made)
    return made


def curate() -> list[str]:
    return ["curate", "drawn.yaml", "--direct", "--profile", "vllm.yaml"]


def texts(folder: Path) -> dict[str, str]:
    """The texts of the published version by completion."""
    (path,) = folder.glob("datasets/drawn/v1-*/dataset.duckdb")
    with duckdb.connect(str(path), read_only=True) as database:
        return dict(database.execute("SELECT id, text FROM rollouts").fetchall())


def killed_and_resumed(folder: Path, spooled: int) -> None:
    """A command killed once so many bytes of answers are on disk, and the same command to its end."""
    first = start(*curate(), cwd=folder)
    spool = folder / ".rollmill" / "spool"
    while not any(path.stat().st_size > spooled for path in spool.rglob("*") if path.is_file()):
        assert first.poll() is None, finish(first)
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    finish(first)
    again = finish(start(*curate(), cwd=folder), timeout=800)
    assert again.status == 0, again.err


@pytest.mark.chaos
def test_a_kill_around_a_toy_vllm_changes_nothing(folder: Path, rollmill: Run) -> None:
    rows = [f'{{"id": "{n}", "prompt": "{n} + {7 - n} = ?", "reference": "7"}}\n' for n in range(48)]
    (folder / "sums.jsonl").write_text("".join(rows))
    (folder / "drawn.yaml").write_text(IMPORTED)
    (folder / "vllm.yaml").write_text(f"vllm: {{python: {sys.executable}, env: {{PYTHONPATH: {TOY}, TOY_STEP: '0.02'}}}}\n")
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    killed_and_resumed(folder, spooled=1)
    assert len(texts(folder)) == ROWS
    steps = (folder / ".rollmill" / "logs" / "vllm.log").read_text().count("CORE")
    assert steps == 2
    (before,) = folder.glob("datasets/drawn/v1-*")
    for place in (".rollmill", "datasets"):
        shutil.rmtree(folder / place)
    Workspace.init(folder).close()
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    assert finish(start(*curate(), cwd=folder)).status == 0
    (after,) = folder.glob("datasets/drawn/v1-*")
    assert after.name == before.name  # the name holds the content hash


@pytest.mark.vllm
@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_kill_in_the_middle_loses_and_doubles_nothing(folder: Path, tmp_path: Path) -> None:
    killed_and_resumed(folder, spooled=20_000)
    drawn = texts(folder)
    assert len(drawn) == ROWS
    third = finish(start(*curate(), cwd=folder))
    assert "already has this content: no new version" in third.out

    fresh = tmp_path / "fresh"
    Workspace.init(fresh).close()
    for name in ("drawn.yaml", "vllm.yaml"):
        shutil.copyfile(folder / name, fresh / name)
    whole = finish(start(*curate(), cwd=fresh), timeout=800)
    assert whole.status == 0, whole.err
    other = texts(fresh)
    assert other.keys() == drawn.keys()
    alike = sum(other[key] == text for key, text in drawn.items())

    assert alike >= 0.97 * ROWS, alike  # batches differ, so the last bits of logits may; see docs/explanation/engines.md


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("vllm: {pythn: x}\n", "unknown key 'vllm.pythn'. Did you mean 'python'?"),
        ("vllm: {gpu_memory_utilization: 2}\n", "vllm.gpu_memory_utilization"),
        ("vllm: {tensor_parallel: 0}\n", "vllm.tensor_parallel"),
        ("vllm: {python: /nowhere/python}\n", "'/nowhere/python', does not exist. Next: make vllm"),
    ],
)
def test_mistakes_in_a_profile_are_named(folder: Path, rollmill: Run, text: str, words: str) -> None:
    (folder / "vllm.yaml").write_text(text)
    result = rollmill(*curate())
    assert result.status == 2
    assert words in result.err


def test_a_recipe_is_checked_without_vllm(folder: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_VLLM", "/nowhere/python")
    assert rollmill("recipe", "check", "drawn.yaml").status == 0
    shown = rollmill("recipe", "show", "drawn.yaml").out
    assert "self_certainty: true" in shown
    missing = rollmill("recipe", "check", "drawn.yaml", "--set", "generate.model=models/none")
    assert (missing.status, "no model folder 'models/none'" in missing.err) == (2, True)
    wrong = rollmill("recipe", "check", "drawn.yaml", "--set", "generate.options.guided={choice: []}")
    assert (wrong.status, "guided.choice is []" in wrong.err) == (2, True)


def test_doctor_says_what_the_profiles_interpreter_has(folder: Path, rollmill: Run) -> None:
    (folder / "vllm.yaml").write_text(f"vllm: {{python: {sys.executable}}}\n")
    lacking = rollmill("doctor", "--quick", "--profile", "vllm.yaml")
    assert lacking.status == 1
    assert any(line.split()[:3] == ["BAD", "vllm", sys.executable] for line in lacking.out.splitlines())
    (folder / "vllm.yaml").write_text("vllm: {python: /nowhere/python}\n")
    missing = rollmill("doctor", "--quick", "--profile", "vllm.yaml")
    assert (missing.status, "'/nowhere/python', does not exist" in missing.out) == (1, True)
