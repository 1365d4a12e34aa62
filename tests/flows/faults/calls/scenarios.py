"""The commands whose every call fails once, each in a small workspace of its own.

A scenario is a workspace that `ready` leads to, once, and one command that is put to the test; its toys answer in no time.
Knows neither how calls are made to fail nor what is checked.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

TOYS = Path(__file__).parents[3] / "toys.py"
LOG = Path(__file__).parents[2] / "adopting" / "logs" / "lm_eval"
SECRET = "sk-planted-4f1c9a7be2d04c55"
Run = Callable[..., None]
"""Runs a command in the workspace; it must succeed."""

PLAIN = """\
recipe_schema: 1
name: toy
problems: {synthesize: "toys.py:ToyProblems", count: 6}
generate: {engine: "toys.py:ToyEngine", model: toy-1, max_tokens: 16, batch_size: 8, options: {chance: 0.5}}
verify: [{method: number}]
budget: {method: fixed, options: {initial: 3}}
select: {method: all_correct}
"""
STEPS = """\
steps:
  - {name: weak, options: {chance: 0.3}}
  - {name: strong, model: toy-2, options: {chance: 0.9}, prompt_template: "Think.\\n{prompt}"}
"""
ROUTER = "{method: router, options: {initial: 2, target: 1, cap: 4, pilot: 1}}"
SEARCH = """\
recipe_schema: 1
name: toy
problems: {synthesize: templates, count: 4, options: {levels: [5, 6]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
budget: {method: search, options: {policy: {method: particles, options: {n: 2}}, process: lines}}
verify: [{method: number}]
select: {method: all_correct}
"""
EVALUATION = """\
evaluation_schema: 1
name: sums
samples: 2
benchmarks:
  - {name: small, synthesize: "toys.py:ToyProblems", count: 6, options: {split: held}}
models:
  - {name: good, engine: "toys.py:ToyEngine", model: toy-1, max_tokens: 16, options: {chance: 0.9}}
metrics:
  - {metric: pass@k, ks: [1, 2]}
"""
MIXTURE = """\
mix_schema: 1
name: blend
seed: 7
size: 4
sources: {all: {version: toy}}
signals: {text: {of: prompt, clusters: 2, dims: 8}, model: {target: {version: toy, rows: 2}, units: 8, steps: 4}}
choose: {method: mona}
"""
SWEEP = """\
sweep_schema: 1
name: hot
base: toy.yaml
arms: {weak: {options: {chance: 0.3}}, strong: {options: {chance: 0.9}}}
allocator: {method: halving, options: {total: 6, group: 1}}
report: 1
"""
ZEROS = "0" * 64
"""The digest of nothing, as git writes it: a row that holds it is a row like any other, also in a file's statistics."""
CURATE = ("curate", "toy.yaml", "--direct", "--json")


@dataclass(frozen=True)
class Scenario:
    """A command, and what leads to where it begins.

    `under_way`: completions that a fault may cost a second payment. `done`: what the command says where it was done before,
    with status 2.
    """

    command: tuple[str, ...]
    ready: Callable[[Path, Run], None]
    under_way: int = 16
    done: str | None = None


def plain(folder: Path, run: Run) -> None:
    """A workspace with the recipe alone."""
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "toy.yaml").write_text(PLAIN)


def steps(folder: Path, run: Run) -> None:
    """A recipe that routes problems to the second of two steps."""
    plain(folder, run)
    routed = PLAIN.replace("{method: fixed, options: {initial: 3}}", ROUTER)
    (folder / "toy.yaml").write_text(routed.replace("verify:", f"{STEPS}verify:"))


def search(folder: Path, run: Run) -> None:
    """A recipe that grows answers line by line, with the shipped model."""
    (folder / "toy.yaml").write_text(SEARCH)


def evaluation(folder: Path, run: Run) -> None:
    """An evaluation of one model on one benchmark."""
    plain(folder, run)
    (folder / "sums.yaml").write_text(EVALUATION)


def curated(folder: Path, run: Run) -> None:
    """A workspace with a published version."""
    plain(folder, run)
    run(*CURATE)


def mixture(folder: Path, run: Run) -> None:
    """A published version, and a mixture of it by what the shipped model's activations say about a target."""
    curated(folder, run)
    (folder / "blend.yaml").write_text(MIXTURE)


def sweep(folder: Path, run: Run) -> None:
    """Two arms, of which half of the problems choose one."""
    plain(folder, run)
    (folder / "hot.yaml").write_text(SWEEP)


def problems(folder: Path, run: Run) -> None:
    """A file of problems; the smallest reference is ZEROS."""
    rows = [{"id": str(n), "prompt": f"{n} + {n} = ?", "reference": str(2 * n)} for n in range(1, 8)]
    rows.append({"id": "0", "prompt": "How does git write the hash of nothing?", "reference": ZEROS})
    (folder / "sums.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def rollouts(folder: Path, run: Run) -> None:
    """Problems that are imported, and a file of rollouts of them; the largest text is ZEROS."""
    problems(folder, run)
    run("import", "problems", "sums.jsonl", "--name", "sums")
    rows = [
        {"problem_id": str(n), "model": "m", "sample_index": k, "text": f"#### {2 * n + k}"}
        for n in range(1, 8)
        for k in range(2)
    ]
    rows.append({"problem_id": "0", "model": "m", "sample_index": 0, "text": ZEROS})
    (folder / "rollouts.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def log(folder: Path, run: Run) -> None:
    """The log of another tool."""
    shutil.copytree(LOG, folder / "log")


def lost(folder: Path, run: Run) -> None:
    """A workspace whose ledger was deleted."""
    curated(folder, run)
    for path in (folder / ".rollmill").glob("ledger.sqlite*"):
        path.unlink()


def replaced(folder: Path, run: Run) -> None:
    """A workspace with work to collect: what an import brought that was removed again."""
    rollouts(folder, run)
    run("import", "rollouts", "rollouts.jsonl", "--name", "mine", "--problems", "sums")
    curated(folder, run)


def tracked(folder: Path, run: Run) -> None:
    """A git and DVC repository with a remote in it; what the recipe draws is stored, and not published yet."""
    plain(folder, run)
    run(*CURATE)
    _repository(folder)
    recipe = (folder / "toy.yaml").read_text()
    (folder / "toy.yaml").write_text(recipe.replace("all_correct", "quota, options: {per_problem: 1}"))


def published(folder: Path, run: Run) -> None:
    """A version that DVC tracks, not pushed yet."""
    plain(folder, run)
    _repository(folder)
    run(*CURATE)


def pushed(folder: Path, run: Run) -> None:
    """A version whose rows are at the remote alone."""
    published(folder, run)
    run("dataset", "push", "toy")
    shutil.rmtree(folder / ".dvc" / "cache")
    for version in (folder / "datasets" / "toy").glob("v*-*"):
        if version.is_dir():
            shutil.rmtree(version)


def _repository(folder: Path) -> None:
    for command in (
        ("git", "init", "-q"),
        (sys.executable, "-m", "dvc", "init", "-q"),
        (sys.executable, "-m", "dvc", "remote", "add", "-q", "--default", "store", str(folder / "remote")),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)


SCENARIOS: Mapping[str, Scenario] = {
    "curate": Scenario(CURATE, plain),
    "steps": Scenario(CURATE, steps),
    "search": Scenario(CURATE, search),
    "import-problems": Scenario(("import", "problems", "sums.jsonl", "--name", "sums"), problems),
    "import-rollouts": Scenario(("import", "rollouts", "rollouts.jsonl", "--name", "mine", "--problems", "sums"), rollouts),
    "export": Scenario(("dataset", "export", "toy", "--format", "sft", "--out", "toy.jsonl"), curated),
    "evaluate": Scenario(("evaluate", "sums.yaml", "--direct", "--json"), evaluation),
    "adopt": Scenario(("adopt", "log"), log),
    "rebuild": Scenario(("doctor", "--rebuild"), lost, done="there is nothing to rebuild"),
    "gc": Scenario(("gc",), replaced),
    "firing": Scenario(("firing", "toy.yaml"), plain),
    "publish": Scenario(CURATE, tracked),
    "push": Scenario(("dataset", "push", "toy"), published),
    "mix": Scenario(("mix", "blend.yaml", "--json"), mixture),
    "sweep": Scenario(("sweep", "hot.yaml", "--json"), sweep),
    "pull": Scenario(("dataset", "pull", "toy"), pushed),
}
