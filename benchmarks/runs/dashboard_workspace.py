"""A workspace as a team has after months: a million judged rollouts of four models, and a hundred dataset versions.

    python benchmarks/runs/dashboard_workspace.py FOLDER --rollouts 1000000 --versions 100 --runs 900

Every rollout is imported, judged by two verifiers and selected, so that each page has something to show. Two versions hold
all of the rollouts; the others are of a small dataset, one for each quota of its selector. `--runs` adds ended runs of
forty recipes, which are in the ledger alone, with twenty payments each over the last month.
"""

import argparse
import json
import os
import random
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rollmill.flows import cli
from rollmill.storage.ledger.models import RunRow, SpendRow
from rollmill.storage.workspace import Workspace

MODELS = ("first", "second", "third", "fourth")
SAMPLES = 4  # of each model for each problem
SMALL = 8  # problems of the small dataset
RECIPES, PAYMENTS = 40, 20  # of the runs that are in the ledger alone, and the payments of each
MONTH = 30 * 24 * 3600.0
SPENT = {  # by each payment
    "completions": 8,
    "uncounted": 0,
    "tokens_in": 160,
    "tokens_out": 400,
    "units": 10**9,
    "unpriced": 0,
    "micros": 10**6,
    "bound_tokens": 0,
    "bound_units": 0,
}
RECIPE = """\
recipe_schema: 1
name: {name}
problems: {{imported: {name}}}
generate: {{engine: imported}}
verify: [{{method: number}}, {{method: math}}]
accept: {{method: any_of}}
budget: {{method: fixed}}
select: {{method: quota, options: {{per_problem: 2}}}}
gate: {{min_kept: 1}}
"""
STEPS = "First the number {a} is written, then {b} is added to it in one step, which gives the sum that is asked for. "


def main() -> None:
    """Make the workspace in a folder that does not exist yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rollouts", type=int, default=1_000_000)
    parser.add_argument("--versions", type=int, default=100)
    parser.add_argument("--runs", type=int, default=0)
    options = parser.parse_args()
    begun = time.monotonic()
    add_ended_runs(build_workspace(options.folder.resolve(), options.rollouts, options.versions), options.runs)
    print(f"made in {time.monotonic() - begun:.0f} s")


def build_workspace(folder: Path, rollouts: int, versions: int) -> Path:
    """The workspace: `many` with all of the rollouts in two versions, `small` with the other versions."""
    Workspace.init(folder).close()
    os.chdir(folder)
    _imported("many", rollouts // (len(MODELS) * SAMPLES), MODELS, SAMPLES)
    _imported("small", SMALL, MODELS[:1], 3 * versions)  # so many that each quota keeps other ones
    commands = [["curate", "many.yaml", "--direct", "--set", f"select.options.per_problem={quota}"] for quota in (2, 3)]
    commands += [
        ["curate", "small.yaml", "--direct", "--set", f"select.options.per_problem={quota}"]
        for quota in range(1, versions - 1)
    ]
    for command in commands:
        if cli.run(command) != 0:
            raise SystemExit(f"{command} failed")
    return folder


def add_ended_runs(folder: Path, count: int) -> None:
    """Runs with the recipe and summary of one of `small`, most of them done, an hour apart at most."""
    now, draw = time.time(), random.Random(3)
    apart = min(3600.0, MONTH / max(count, 1))
    with Workspace.open(folder) as workspace:
        model = next(run for run in workspace.runs.list() if run.name == "small")
        with workspace.ledger.write() as session:
            for number in range(count):
                begun, name = now - apart * number, f"recipe{number % RECIPES}"
                run = RunRow(id=f"{name}-{number:08x}", name=name, recipe=model.recipe, recipe_hash=f"{number:064x}")
                run.status, run.summary = draw.choice(("done",) * 8 + ("failed", "stopped")), model.summary
                run.started_at, run.finished_at = begun, begun + 60
                session.add(run)
                for batch in range(PAYMENTS):
                    paid = SpendRow(run_id=run.id, command="host 1 1", batch_id=f"{run.id}-{batch}", round=0, batch=batch)
                    paid.members, paid.redundant, paid.purpose, paid.paid_at = "ff", False, "draw", begun + batch
                    for column, value in SPENT.items():
                        setattr(paid, column, value)
                    session.add(paid)


def _imported(name: str, count: int, models: tuple[str, ...], samples: int) -> None:
    """Problems of two sources, eight levels and forty templates, harder by level; later models are a little better.

    One answer in twenty carries a unit; both verifiers read it, so they agree on every rollout.
    """
    draw = random.Random(7)
    problems = [
        {
            "id": f"{name}{n}",
            "prompt": f"One of {name}: what is {n} + {n % 97}? Explain every step before you answer.",
            "reference": str(n + n % 97),
            "level": 1 + n % 8,
            "skill": f"skill {n % 5}",
            "template": f"template {n % 40}",
            "source": ("field", "books")[n % 2],
        }
        for n in range(count)
    ]
    rows: dict[str, list[object]] = {key: [] for key in ("problem_id", "model", "text", "tokens_in", "tokens_out")}
    for n in range(count):
        easy = draw.betavariate(2.4 - 0.2 * (n % 8), 1)
        for at, model in enumerate(models):
            for sample in range(samples):
                answer = n + n % 97 + (draw.random() > easy ** (1 - 0.1 * at))
                unit = r" \text{ apples}" if draw.random() < 0.05 else ""
                text = STEPS.format(a=n, b=n % 97) * (1 + sample % 3) + f"(way {sample}) \\boxed{{{answer}{unit}}}"
                for key, value in zip(rows, (f"{name}{n}", model, text, 20, 30 + 30 * (sample % 3) + 9 * at), strict=True):
                    rows[key].append(value)
    Path(f"{name}.jsonl").write_text("\n".join(map(json.dumps, problems)))
    pq.write_table(pa.table(rows), f"{name}.parquet")
    Path(f"{name}.yaml").write_text(RECIPE.format(name=name))
    for command in (
        ["import", "problems", f"{name}.jsonl", "--name", name],
        ["import", "rollouts", f"{name}.parquet", "--name", name, "--problems", name],
    ):
        if cli.run(command) != 0:
            raise SystemExit(f"{command} failed")


if __name__ == "__main__":
    main()
