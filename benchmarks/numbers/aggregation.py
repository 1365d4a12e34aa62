"""Gains of votes and rankings with the shipped model on unseen problems: figures of docs/how-to/choose-one-answer.md.

    python benchmarks/numbers/aggregation.py  # draws 160 problems x 64 completions, then replays them
    python benchmarks/numbers/aggregation.py --folder POOLS --seed 12 # keeps the workspace; another seed is another pool
    python benchmarks/numbers/aggregation.py --split train --seed 3   # problems on the training side of each template

One seed is one draw of problems and completions. Nothing is drawn again where the folder has it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """\
recipe_schema: 1
name: pool-{split}-{seed}
seed: {seed}
problems: {{synthesize: templates, count: {problems}, options: {{levels: [5, 6, 7, 8], split: {split}}}}}
generate: {{engine: embedded, model: {model}, temperature: 1.0, max_tokens: 200}}
verify: [{{method: number}}, {{method: math}}]
budget: {{method: fixed, options: {{initial: {samples}}}}}
score: [{{method: length}}]
select: {{method: quota, options: {{per_problem: 4}}}}
gate: {{max_undecided: 0.01, min_kept: 1}}
"""
ALONE = ("logprob_per_token", "self_certainty", "length", "-length")


def rollmill(folder: Path, *arguments: str) -> str:
    """Output of a command, in the benchmark's workspace."""
    command = [sys.executable, "-m", "rollmill.flows.cli", "-C", str(folder), *arguments]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def measure(folder: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Draw the pool and replay it: every aggregator, and best of n by each score alone."""
    if not (folder / "rollmill.toml").exists():
        rollmill(folder.parent, "init", str(folder), "--bare")
    model, name = ROOT / "models" / "rollmill-tiny", f"pool-{options.split}-{options.seed}"
    recipe = RECIPE.format(
        seed=options.seed, problems=options.problems, samples=options.samples, split=options.split, model=model
    )
    (folder / f"{name}.yaml").write_text(recipe)
    rollmill(folder, "curate", f"{name}.yaml", "--direct")
    print(rollmill(folder, "replay", name, "--out", f"{name}-replay"))
    fixed = [word for score in ALONE for word in ("--with", f"best_of_n score={score}")]
    rows: list[dict[str, Any]] = json.loads(rollmill(folder, "replay", name, *fixed, "--json"))["rows"]
    return [row for row in rows if row["unit"] == "samples"]


def main() -> None:
    """Print the tables of one seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--split", default="heldout", help="train: new numbers in the templates the model was trained on")
    parser.add_argument("--problems", type=int, default=160)
    parser.add_argument("--samples", type=int, default=64)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (options.folder or Path(scratch) / "pools").resolve()
        folder.mkdir(parents=True, exist_ok=True)
        rows = measure(folder, options)
    amounts = sorted({row["amount"] for row in rows})
    print(f"{'best of n by one score':36}", *(f"{amount:>6}" for amount in amounts))
    for name in dict.fromkeys(row["aggregator"] for row in rows):
        values = {row["amount"]: row["value"] for row in rows if row["aggregator"] == name}
        print(f"{name:36}", *(f"{values[amount]:6.3f}" for amount in amounts))


if __name__ == "__main__":
    main()
