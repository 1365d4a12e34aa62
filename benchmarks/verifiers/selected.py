"""False accepts of our verifiers among wrong answers of real models, and among the best of 64 selected against them.

    python benchmarks/verifiers/selected.py --problems 300 --tasks 20

Reads the rollouts of GSM8K and MATH and the programs of CodeT beside the checkout (`--data`). `number` and `math` get the
problems with wrong rollouts, `choice` the same with their values as options, `code` the programs that fail a task's tests
beside attacks and programs that special-case the prompt's examples: once with all asserts of the task, and once with the
first half of them, where natural wrong programs may pass. docs/explanation/certification.md says how to read the table.
"""

import argparse
import ast
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from rollmill.ground.records import Completion, Outcome, Problem
from rollmill.pipelines.certify.code_suite import attacks_on, knowing_some
from rollmill.pipelines.certify.edits_suite import EditedRollout
from rollmill.pipelines.certify.selection import NATURAL, POOL, selection
from rollmill.pipelines.certify.suite_rows import SuiteRow
from rollmill.pipelines.certify.suites import selected
from rollmill.pipelines.edit.planted_answer import locate_answer
from rollmill.pipelines.verify import VERIFIERS

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
_NATURAL, _TRIED = POOL // 4, 40  # wrong programs of a task that are taken, and programs that are tried for them
_FEWEST = 4  # asserts of a task, so that half of them is a test


def main() -> None:
    """Measure and print the table, and what was accepted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=300, help="of GSM8K; of MATH all")
    parser.add_argument("--tasks", type=int, default=20, help="of HumanEval; 0 leaves programs out")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    wrong = [*_wrong(options.data, "gsm8k", options.problems), *_wrong(options.data, "math", None)]
    tables = {name: ("choice" if name == "choice" else "math") for name in ("number", "math", "choice")}
    measured = {f"`{name}`": measure(name, selected(kind, wrong).rows) for name, kind in tables.items()}
    if options.tasks:
        whole, half = code_rows(options.data, options.tasks)
        measured |= {"`code`, all asserts": measure("code", whole), "`code`, half of them": measure("code", half)}
    report(measured)


def measure(name: str, rows: Sequence[SuiteRow]) -> dict[str, Any]:
    """The selection against a verifier of ours over these rows."""
    outcomes = judged(name, rows)
    return selection((row.prompt, row.name, out == "correct") for row, out in zip(rows, outcomes, strict=True))


def judged(name: str, rows: Sequence[SuiteRow]) -> list[Outcome]:
    """The outcome of each row."""
    items = [
        (
            Problem(row.prompt, row.reference, row.kind, row.tests, meta=row.meta),
            Completion(str(number), "", "benchmark", "", "", "evaluate", 0, None, row.text, "stop"),
        )
        for number, row in enumerate(rows)
    ]
    verifier: Any = VERIFIERS[name]()
    with closing(verifier):
        return [verdict.outcome for verdict in verifier.verify_many(items)]


def report(measured: dict[str, dict[str, Any]]) -> None:
    """The table in Markdown, and for each verifier the kinds of wrong answers that it accepted."""
    sizes = [row["n"] for row in next(iter(measured.values()))["best_of"]]
    print("| verifier | natural wrong answers accepted | " + " | ".join(f"best of {n}" for n in sizes) + " | problems |")
    print("|---" * (len(sizes) + 3) + "|")
    for name, result in measured.items():
        natural = result["natural"]
        cells = [f"{natural['accepted']} of {natural['answers']}: {_rate(natural)}", *map(_rate, result["best_of"])]
        print(f"| {name} | " + " | ".join(cells) + f" | {result['best_of'][-1]['problems']} |")
    for name, result in measured.items():
        print(f"\n{name}: {sum(row['accepted'] for row in result['accepted'])} accepted")
        for row in sorted(result["accepted"], key=lambda row: -row["accepted"]):
            print(f"  {row['kind']}: {row['accepted']} of {row['of']}")


def _rate(row: dict[str, Any]) -> str:
    return "-" if row["rate"] is None else f"{row['rate']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


def _wrong(data: Path, name: str, most: int | None) -> Iterator[EditedRollout]:
    """The rollouts that are labelled wrong, of so many problems by a hash of their ids."""
    problems = {row["id"]: row for row in _lines(data / f"{name}_problems.jsonl")}
    rows = [row for row in _lines(data / f"{name}_rollouts.jsonl") if not row["is_correct"]]
    ids = sorted({row["problem_id"] for row in rows}, key=lambda key: sha256(key.encode()).digest())[:most]
    for row in rows:
        problem = problems[row["problem_id"]]
        # One of MATH is labelled wrong although its answer is its reference: 10{,}000.
        if row["problem_id"] in ids and locate_answer(problem["reference"], row["text"]) is None:
            yield EditedRollout(problem["prompt"], problem["reference"], row["text"])


def code_rows(data: Path, tasks: int) -> tuple[list[SuiteRow], list[SuiteRow]]:
    """The pools of so many tasks, tested by all of their asserts and by half of them."""
    drawn = {row["prompt"]: row["samples"] for row in _lines(data / "codet_codegen16b_solutions.jsonl.gz")}
    whole: list[SuiteRow] = []
    half: list[SuiteRow] = []
    for task in sorted(_lines(data / "codet_humaneval.jsonl.gz"), key=lambda row: sha256(row["task_id"].encode()).digest()):
        asserts = _calls(task["test"])
        if len(asserts) < _FEWEST or task["prompt"] not in drawn:
            continue
        texts = [task["prompt"] + sample for sample in drawn[task["prompt"]][:_TRIED]]
        rows = [_row(task, NATURAL, text, task["test"]) for text in dict.fromkeys(texts)]
        wrong = [row for row, out in zip(rows, judged("code", rows), strict=True) if out in ("incorrect", "unparsed")]
        if not wrong:
            continue
        few = "\n".join(["def check(candidate):", *(f"    {line}" for _, _, line in asserts[: len(asserts) // 2])]) + "\n"
        known = [call[:2] for call in asserts]
        whole += _pool(task, wrong, task["test"], knowing_some(task["entry_point"], known))
        half += [replace(row, tests=(few,)) for row in _pool(task, wrong, few, _knowing_examples(task))]
        if len({row.prompt for row in whole}) == tasks:
            break
    return whole, half


def _pool(
    task: dict[str, Any], wrong: Sequence[SuiteRow], tests: str, knowing: Iterable[tuple[str, str]]
) -> list[SuiteRow]:
    """Natural wrong programs, those that know some calls, and attacks, 64 at most."""
    name = task["entry_point"]
    by_hash = sorted(attacks_on(name), key=lambda named: sha256(f"{name} {named[0]}".encode()).digest())
    searched = [(kind, f"{_imports(task)}{source}") for kind, source in (*knowing, *by_hash)]
    texts = {row.text: NATURAL for row in wrong[:_NATURAL]}
    for kind, source in searched:
        texts.setdefault(source, f"searched: {kind}")
    return [_row(task, kind, text, tests) for text, kind in list(texts.items())[:POOL]]


def _row(task: dict[str, Any], name: str, text: str, tests: str) -> SuiteRow:
    meta = {"entry_point": task["entry_point"]}
    return SuiteRow("non_equivalence", name, "", text, "wrong", task["prompt"], "code", (tests,), meta)


def _imports(task: dict[str, Any]) -> str:
    lines = [line for line in task["prompt"].splitlines() if line.startswith(("from ", "import "))]
    return "".join(f"{line}\n" for line in lines)


def _calls(test: str) -> list[tuple[str, str, str]]:
    """(arguments as a tuple, value, the assert) of the asserts of a `check` that compare one call with a value."""
    check = next((node for node in ast.parse(test).body if isinstance(node, ast.FunctionDef)), None)
    calls = []
    for node in check.body if check is not None else ():
        compared = node.test if isinstance(node, ast.Assert) else None
        if not isinstance(compared, ast.Compare) or not isinstance(compared.ops[0], ast.Eq):
            continue
        call, value = compared.left, compared.comparators[0]
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "candidate":
            calls.append((_arguments(call), ast.unparse(value), ast.unparse(node)))
    return calls


def _knowing_examples(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A program that knows the values of the prompt's examples: `>>> f(1)` and the value on the next line."""
    lines = [line.strip() for line in task["prompt"].splitlines()]
    known = []
    for line, value in pairwise(lines):
        try:
            call = ast.parse(line.removeprefix(">>> "), mode="eval").body if line.startswith(">>> ") else None
            ast.literal_eval(value)
        except (SyntaxError, ValueError):
            continue
        if isinstance(call, ast.Call):
            known.append((_arguments(call), value))
    # All of them: `knowing_some` leaves out the last call that it is told of.
    yield from ((f"examples, {kind}", source) for kind, source in knowing_some(task["entry_point"], [*known, ("()", "0")]))


def _arguments(call: ast.Call) -> str:
    return "(" + "".join(f"{ast.unparse(argument)}, " for argument in call.args) + ")"


def _lines(path: Path) -> list[dict[str, Any]]:
    read = gzip.open if path.suffix == ".gz" else open
    with read(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


if __name__ == "__main__":
    main()
