"""Rollouts for a code data set without a model: every reference solution, and mutants of it, as a file to import.

    python benchmarks/verifiers/code_rollouts.py humaneval.jsonl --mutants 4 --out rollouts.jsonl
    rollmill import problems humaneval.jsonl --name humaneval
    rollmill import rollouts rollouts.jsonl --name planted --problems humaneval
    rollmill curate recipes/code.yaml

The references are labelled `reference`, the mutants `mutant`, with the kind of change in the column `change`. A mutant may
be equivalent to its reference, so it has no label of right or wrong. The file follows from problems, count and seed.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rollmill.ground.records import Problem
from rollmill.pipelines.verify.code.mutants import sampled_mutants
from rollmill.pipelines.verify.code.program import program_of, task_of
from rollmill.pipelines.verify.code.suite import suite_of
from rollmill.pipelines.verify.finding import prompt_text
from rollmill.storage.imports.problem_rows import ProblemRows
from rollmill.storage.imports.reading.columns import PROBLEM_ALIASES
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.imports.scan import detect
from rollmill.storage.imports.spec import ImportSpec


def rollouts(problem: Problem, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """The reference as the model would continue the prompt, then fenced programs with one change each."""
    row = {"problem_id": problem.external_id}
    yield {**row, "model": "reference", "sample_index": 0, "text": problem.reference}
    entry_point = suite_of(problem).entry_point
    program = program_of(problem.reference, task_of(prompt_text(problem.prompt), entry_point))
    if program is None or entry_point is None:
        return
    for index, one in enumerate(sampled_mutants(program.text, count, seed=seed, functions=[entry_point])):
        change = f"{one.kind}, line {one.line}: {one.before} to {one.after}"
        text = f"```python\n{one.source}```\n"
        yield {**row, "model": "mutant", "sample_index": index, "text": text, "change": change}


def main() -> None:
    """Read the problems, write the rollouts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="?", type=Path, help="a file that `rollmill import problems` reads")
    parser.add_argument("--mutants", type=int, default=4, help="mutants per problem")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("rollouts.jsonl"))
    options = parser.parse_args()
    if options.problems is None:
        parser.print_help()
        return
    path = options.problems
    rows = ProblemRows(path, detect(ImportSpec(path, path.stem), PROBLEM_ALIASES), source=path.stem)
    written = 0
    with options.out.open("w", encoding="utf-8") as file:
        for row in read_rows(path):
            for rollout in rollouts(rows.problem(row), options.mutants, options.seed):
                file.write(json.dumps(rollout, ensure_ascii=False) + "\n")
                written += 1
    print(
        f"{written} rollouts in {options.out}. Next: rollmill import rollouts {options.out} --name planted --problems NAME"
    )


if __name__ == "__main__":
    main()
