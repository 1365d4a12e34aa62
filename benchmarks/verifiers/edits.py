"""Flips of a verifier on right solutions of GSM8K and MATH with edited endings, by ending and by kind; before and now.

    python benchmarks/verifiers/edits.py
    git worktree add ../before 315e2f2c~ && python benchmarks/verifiers/edits.py --before ../before

Takes 28 right rollouts of each set, one of a problem, by a hash of the problem's id. `--before`: a checkout whose verifier
judges the same rows in a process of its own. docs/explanation/certification.md has the table.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from rollmill.pipelines.certify.edits_suite import EditedRollout, flip_rates, flips_by_form, kind_rates
from rollmill.pipelines.certify.suite_rows import SuiteRow
from rollmill.pipelines.certify.suites import edits

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
PER_SET = 28
JUDGE = """
import importlib, importlib.util, json, sys
from rollmill.pipelines.verify import VERIFIERS
of_today = importlib.util.find_spec("rollmill.ground")
records = importlib.import_module("rollmill.ground.records" if of_today else "rollmill.storage.records")
Completion, Problem = records.Completion, records.Problem
rows = [json.loads(line) for line in sys.stdin]
items = [(Problem(p, r), Completion(str(n), "", "benchmark", "", "", "evaluate", 0, None, text, "stop"))
         for n, (p, r, text) in enumerate(rows)]
verifier = VERIFIERS[sys.argv[1]]()
print(json.dumps([verdict.outcome for verdict in verifier.verify_many(items)]))
verifier.close()
"""


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verifier", default="number", choices=("number", "math"))
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    rollouts = [rollout for name in ("gsm8k", "math") for rollout in right_rollouts(options.data, name, PER_SET)]
    rows = edits("math", rollouts).rows
    print(f"{len(rollouts)} solutions, {len(rows)} rows, {options.verifier}\n")
    trees = [ROOT] if options.before is None else [options.before.resolve(), ROOT]
    tables = [measured(rows, outcomes(tree, options.verifier, rows)) for tree in trees]
    print("| endings | flip | " + ("before | " if len(tables) > 1 else "") + "now | endings with one | rate over endings |")
    print("|---" * (len(tables) + 4) + "|")
    for key, now in tables[-1].items():
        cells = [f"{table[key]['rows']:,} of {table[key]['of_rows']:,}" for table in tables]
        with_one = " -> ".join(str(table[key]["forms_hit"]) for table in tables) + f" of {now['of_forms']}"
        rate = f"{now['rate']:.3f} [{now['low']:.3f}, {now['high']:.3f}]"
        print(f"| {key[0]} | {key[1]} | " + " | ".join(cells) + f" | {with_one} | {rate} |")


def right_rollouts(data: Path, name: str, most: int) -> Iterator[EditedRollout]:
    """Rollouts that are labelled right and end in a way that can be edited, one of a problem."""
    problems = {row["id"]: row for row in _lines(data / f"{name}_problems.jsonl")}
    rows = [row for row in _lines(data / f"{name}_rollouts.jsonl") if row["is_correct"]]
    taken: set[str] = set()
    for row in sorted(rows, key=lambda row: sha256(row["problem_id"].encode()).digest()):
        problem = problems[row["problem_id"]]
        rollout = EditedRollout(problem["prompt"], problem["reference"], row["text"])
        if row["problem_id"] not in taken and len(taken) < most and edits("math", [rollout]).rows:
            taken.add(row["problem_id"])
            yield rollout


def outcomes(tree: Path, name: str, rows: Sequence[SuiteRow]) -> list[str]:
    """Outcome of each row by a checkout's verifier."""
    lines = "\n".join(json.dumps([row.prompt, row.reference, row.text]) for row in rows)
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    command = [sys.executable, "-c", JUDGE, name]
    result = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True, cwd=tree, env=environment)
    judged: list[str] = json.loads(result.stdout)
    return judged


def measured(rows: Sequence[SuiteRow], judged: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Rates by endings (held out or not) and by kind, for each flip."""
    flips = flips_by_form((row.name, row.expected == "correct", out) for row, out in zip(rows, judged, strict=True))
    return {(row["forms"], row["flip"]): row for row in [*flip_rates(flips), *kind_rates(flips)]}


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
