"""The test suites of Math-Verify and lighteval as an exam of `number` then `math`, every difference adjudicated.

    python -m pip download --no-deps --no-binary :all: math-verify==0.9.0      # its tests are in the sdist
    python benchmarks/problems/exam.py math_verify-0.9.0/tests  # exit status 1 if a difference is unread
    python benchmarks/problems/exam.py math_verify-0.9.0/tests lighteval/tests/metrics/test_extractive_match.py
    --differences

Cases (reference, answer, expected) are read from the parametrised tests of the given files or folders, whose code is not
run. Their answer is a completion's whole text, their reference ours, and there is no prompt. The files stay where they are;
docs/exam.csv holds of each difference its test and digest, who is right, and the policy or class by name.
"""

import argparse
import ast
import csv
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.answers.equality import ORDERS, POLICIES
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "exam.csv"
REFERENCE, ANSWER, EXPECTED = ("gold",), ("pred",), ("expected", "result")


@dataclass(frozen=True, slots=True)
class Case:
    """A row of a parametrised test: its name, and its verdict on an answer."""

    test: str
    reference: str
    answer: str
    right: bool

    @property
    def digest(self) -> str:
        """Digest of the pair, without its texts."""
        return digest128([self.reference, self.answer])[:12]


def main() -> int:
    """Examine, compare, print; exit status 1 if a difference was never read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="+", type=Path, metavar="TESTS", help="a test file, or a folder of them")
    parser.add_argument("--differences", action="store_true", help="print every difference with its texts")
    parser.add_argument("--policy", default="strict", choices=sorted(POLICIES))
    parser.add_argument("--order", default="by_problem", choices=ORDERS)
    options = parser.parse_args()
    files = [file for path in options.suites for file in (sorted(path.rglob("test_*.py")) if path.is_dir() else [path])]
    cases = list(dict.fromkeys(case for file in files for case in cases_of(file)))
    if not cases:
        sys.exit(f"no parametrised tests with gold, pred and expected in {', '.join(map(str, options.suites))}")
    different = [
        (case, outcome)
        for case, outcome in examined(cases, options.policy, options.order)
        if (outcome == "correct") != case.right
    ]
    read = adjudications()
    counts = Counter(read.get(case.digest, ("unread", ""))[0] for case, _ in different)
    print(f"{len(cases)} distinct cases: {len(cases) - len(different)} agree, " + _listed(counts))
    for name, count in sorted(Counter(": ".join(read.get(case.digest, ("unread", ""))) for case, _ in different).items()):
        print(f"  {count:4} {name}")
    for case, outcome in different:
        if options.differences or case.digest not in read:
            print(f"{case.digest} {case.test} {'right' if case.right else 'wrong'} there, {outcome} here")
            print(f"    {case.reference[-150:]!r} <- {case.answer[-150:]!r}")
    return 1 if counts["unread"] else 0


def cases_of(file: Path) -> Iterator[Case]:
    """The cases of a test file's parametrised tests, without running it; those of another shape are left out."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                yield from _cases(f"{file.stem}.{node.name}", decorator)


def _cases(test: str, decorator: ast.expr) -> Iterator[Case]:
    if (
        not isinstance(decorator, ast.Call)
        or len(decorator.args) != 2
        or not ast.unparse(decorator.func).endswith("parametrize")
    ):
        return
    names = [name.strip() for name in ast.literal_eval(decorator.args[0]).split(",")]
    places = [
        next((names.index(name) for name in wanted if name in names), None) for wanted in (REFERENCE, ANSWER, EXPECTED)
    ]
    rows = decorator.args[1].elts if isinstance(decorator.args[1], ast.List) else []
    for row in rows:
        try:
            values = ast.literal_eval(row)
            reference, answer, right = (values[place] for place in places)
        except (ValueError, TypeError):
            continue
        yield Case(test, reference, answer, bool(right))


def examined(cases: Iterable[Case], policy: str, order: str) -> Iterator[tuple[Case, str]]:
    """Each case with the outcome of the chain: `number`, and `math` where that is undecided."""
    number = NumberVerifier(policy=policy)
    with MathVerifier(policy=policy, order=order) as math:
        for case in cases:
            item = (
                Problem("", case.reference),
                Completion(case.digest, "p", "exam", "", "", "evaluate", 0, None, case.answer, "stop"),
            )
            verdict = number.verify(*item)
            yield case, (math.verify(*item) if verdict.outcome == "undecided" else verdict).outcome


def adjudications() -> Mapping[str, tuple[str, str]]:
    """Adjudications by digest: (who is right or policy, which policy or class)."""
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row["digest"]: (row["adjudged"], row["name"]) for row in csv.DictReader(file)}


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "no difference"


if __name__ == "__main__":
    sys.exit(main())
