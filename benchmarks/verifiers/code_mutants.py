"""Strength of a code data set's tests: every mutant of every reference against the tests and on generated inputs.

    python benchmarks/verifiers/code_mutants.py                             # HumanEval where it lies beside the checkout
    python benchmarks/verifiers/code_mutants.py problems.jsonl --out weak.csv --per-problem 10

Prints checks per second of the references alone, then per kind of mutant how many were killed by the tests, how many differ
and pass (test-weak, listed in the file) and how many never differ (equivalent, as far as the inputs show).
"""

import argparse
import csv
import os
import time
from collections import Counter
from pathlib import Path

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.sandbox import Sandbox, SandboxLimits
from rollmill.pipelines.verify.code.code_verifier import CodeVerifier
from rollmill.pipelines.verify.code.strength import MutantResult, evaluate_mutants, mutants_of, subject_of
from rollmill.storage.imports.problem_rows import ProblemRows
from rollmill.storage.imports.reading.columns import PROBLEM_ALIASES
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.imports.scan import detect
from rollmill.storage.imports.spec import ImportSpec

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "humaneval.jsonl"
COLUMNS = ("problem", "kind", "line", "before", "after", "arguments", "reference", "mutant")
LIMITS = SandboxLimits(cpu_seconds=1.0, wall_seconds=10.0, memory_mib=256)


WRITTEN = [
    Problem("def top(xs):\n    \"\"\"The largest.\"\"\"\n", "    return max(xs)\n", "code",
            ("assert top([1, 3, 2]) == 3", "assert top([-1]) == -1"), meta={"entry_point": "top"}, external_id="top"),
    Problem("def even(n):\n    \"\"\"Whether even.\"\"\"\n", "    return n % 2 == 0\n", "code",
            ("assert even(2)", "assert not even(3)"), meta={"entry_point": "even"}, external_id="even"),
]  # fmt: skip


def problems_of(path: Path) -> list[Problem]:
    """The problems of a file, as `rollmill import problems` reads them; written ones where there is no file."""
    if not path.exists():
        print(f"{path.name} is not there: two written problems instead")
        return WRITTEN
    rows = ProblemRows(path, detect(ImportSpec(path, path.stem), PROBLEM_ALIASES), source=path.stem)
    return [rows.problem(row) for row in read_rows(path)]


def speed(problems: list[Problem], workers: int) -> None:
    """The references judged by the verifier, as rollouts would be."""
    completions = [
        Completion("c", problem.prompt_id, "", "", "", "curate", 0, None, problem.reference, "stop") for problem in problems
    ]
    items = list(zip(problems, completions, strict=True))
    with CodeVerifier(workers=workers) as verifier:
        right = sum(verdict.outcome == "correct" for verdict in verifier.verify_many(items))
        started = time.perf_counter()
        count = len(list(verifier.verify_many(items * 3)))
        seconds = time.perf_counter() - started
    print(f"references: {right} of {len(items)} pass; {count / seconds:,.0f} checks/s with {workers} workers (strict)")


def study(problems: list[Problem], per_problem: int | None, workers: int) -> list[tuple[Problem, MutantResult]]:
    """Every mutant's fate; a reference that cannot be studied is named."""
    fates = []
    with Sandbox("strict", LIMITS, workers) as box:
        for problem in problems:
            try:
                subject = subject_of(box, problem)
            except ValueError as error:
                print(f"{problem.external_id}: {error}")
                continue
            chosen = mutants_of(subject, per_problem)
            fates += [(problem, fate) for fate in evaluate_mutants(box, subject, chosen, workers=workers)]
    return fates


def write(path: Path, found: list[tuple[Problem, MutantResult]]) -> None:
    """The mutants that differ and pass every test."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for problem, one in found:
            if one.fate == "test-weak":
                change = one.mutant.kind, one.mutant.line, one.mutant.before, one.mutant.after
                table.writerow([problem.external_id, *change, one.arguments, one.reference, one.got])


def main() -> None:
    """Study and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problems", nargs="?", type=Path, default=DATA)
    parser.add_argument("--per-problem", type=int, default=None)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=None)
    options = parser.parse_args()
    problems = problems_of(options.problems)
    speed(problems, options.workers)
    started = time.perf_counter()
    mutants = study(problems, options.per_problem, options.workers)
    seconds = time.perf_counter() - started
    fates = ("killed", "test-weak", "equivalent")
    print(f"{len(mutants)} mutants in {seconds:.0f} s, {2 * len(mutants) / seconds:.0f} programs/s")
    print(f"{'kind':<14}" + "".join(f"{fate:>12}" for fate in fates))
    kinds = sorted({one.mutant.kind for _, one in mutants})
    for kind in [*kinds, "all"]:
        counts: Counter[str] = Counter(one.fate for _, one in mutants if kind in (one.mutant.kind, "all"))
        print(f"{kind:<14}" + "".join(f"{counts[fate]:>12}" for fate in fates))
    unseen = sum(one.fate == "killed" and not one.differs for _, one in mutants)
    print(f"killed by the tests though no generated input showed a difference: {unseen}")
    if options.out is not None:
        write(options.out, mutants)


if __name__ == "__main__":
    main()
