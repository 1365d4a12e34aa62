"""Test strength: mutants killed, test-weak with a witness, equivalent; and HumanEval against the listed table."""

import csv
import json
from pathlib import Path

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.sandbox import Sandbox, SandboxLimits
from rollmill.pipelines.verify.code.strength import MutantResult, evaluate_mutants, mutants_of, subject_of
from tests.shared_data import shared_data

pytestmark = pytest.mark.sandbox
ROOT = Path(__file__).resolve().parents[4]
LIMITS = SandboxLimits(cpu_seconds=1.0, wall_seconds=10.0, memory_mib=256)


def problem(*tests: str, reference: str = "    return max(xs) if xs else 0\n") -> Problem:
    return Problem("def top(xs):\n    '''Doc.'''\n", reference, "code", tests, meta={"entry_point": "top"})


def study(one: Problem) -> dict[tuple[str, str], MutantResult]:
    with Sandbox("strict", LIMITS, 2) as box:
        subject = subject_of(box, one, inputs=40)
        return {
            (it.mutant.kind, it.mutant.after): it for it in evaluate_mutants(box, subject, mutants_of(subject), workers=2)
        }


def test_strong_and_weak_tests() -> None:
    strong = study(problem("assert top([1, 3, 2]) == 3", "assert top([]) == 0", "assert top([-1]) == -1"))
    assert {one.fate for one in strong.values()} == {"killed"}
    weak = study(problem("assert top([3, 3]) == 3", "assert top([]) == 0"))
    lowest = weak["call", "min(xs)"]
    assert (lowest.fate, lowest.differs) == ("test-weak", True)
    assert weak["constant", "1"].fate == "killed"
    xs = json.loads(lowest.arguments.replace("(", "").replace(",)", ""))
    assert (lowest.reference, lowest.got) == (str(max(xs)), str(min(xs)))


def test_what_never_differs_is_equivalent() -> None:
    reference = "    if len(xs) < 0: return None\n    return max(xs)\n"  # no example is empty, so no input is
    found = study(problem("assert top([1, 2]) == 2", "assert top([5]) == 5", reference=reference))
    assert (found["boundary", "len(xs) <= 0"].fate, found["boundary", "len(xs) <= 0"].differs) == ("equivalent", False)
    assert found["comparison", "len(xs) > 0"].fate == "killed"


def test_inputs_that_only_together_pass_the_limit_are_no_difference() -> None:
    reference = "    for _ in range(8 - 7):\n        sum(range(200_000))\n    return max(xs)\n"  # 15 rounds as 8 + 7
    found = study(problem("assert top([1, 2]) == 2", reference=reference))
    assert (found["arithmetic", "(8 + 7)"].fate, found["arithmetic", "(8 + 7)"].got) == ("equivalent", "")


def test_a_reference_that_fails_its_own_tests_is_no_subject() -> None:
    with Sandbox("strict", LIMITS) as box:
        with pytest.raises(ValueError, match="fails its own tests: top"):
            subject_of(box, problem("assert top([1]) == 2"))
        with pytest.raises(ValueError, match="no program with an entry point"):
            subject_of(box, Problem("?", "prose", "code", ("assert f(1)",)))


@pytest.mark.data
@pytest.mark.timeout(300)
def test_humaneval_every_reference_passes_and_every_mutant_that_differs_fails_or_is_listed() -> None:
    with (ROOT / "docs" / "test_weak_humaneval.csv").open(encoding="utf-8", newline="") as file:
        listed = {(row["problem"], row["kind"], row["line"], row["before"], row["after"]) for row in csv.DictReader(file)}
    assert len(listed) == 48  # of 49: two changes of one line read alike
    weak, fates = set(), []
    with Sandbox("strict", LIMITS, 2) as box:
        for line in shared_data("humaneval.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            meta = {"entry_point": row["entry_point"]}
            one = Problem(row["prompt"], row["canonical_solution"], "code", (row["test"],), meta=meta)
            subject = subject_of(box, one)  # raises where the reference fails
            for it in evaluate_mutants(box, subject, mutants_of(subject, 3), workers=2):
                fates.append((it.fate, it.differs))
                if it.fate == "test-weak":
                    mutant = it.mutant
                    weak.add((row["task_id"], mutant.kind, str(mutant.line), mutant.before, mutant.after))
    assert len(fates) >= 240
    assert weak <= listed
    assert all(differs for fate, differs in fates if fate == "killed")
