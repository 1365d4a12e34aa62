"""The verifiers before real rollouts: every disagreement with a label is a known one, read and adjudicated.

The rows adjudicated are docs/adjudicated_mathcoder.csv; a change of the verifier that brings a new disagreement fails here
until that one has been read too.
"""

import csv
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rollmill.ground.records import Completion, Message, Problem, Verdict
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier
from tests.shared_data import shared_data

pytestmark = pytest.mark.data
ROOT = Path(__file__).parents[4]
SEED = 20_261_120


@pytest.fixture(scope="module")
def verifier() -> Iterator[MathVerifier]:
    with MathVerifier() as chosen:
        yield chosen


def completion(name: str, text: str, messages: tuple[Message, ...] | None = None) -> Completion:
    return Completion(name, "p", "imported", "m", "", "curate", 0, None, text, "imported", messages=messages)


def labelled(name: str) -> list[tuple[Problem, Completion, bool]]:
    """The problems and solutions of GSM8K or MATH with their labels."""
    lines = shared_data(f"{name}_problems.jsonl").read_text().splitlines()
    problems = {
        row["id"]: Problem(row["prompt"], row["reference"], external_id=row["id"]) for row in map(json.loads, lines)
    }
    rows = map(json.loads, shared_data(f"{name}_rollouts.jsonl").read_text().splitlines())
    return [(problems[r["problem_id"]], completion(str(i), r["text"]), r["is_correct"]) for i, r in enumerate(rows)]


def mathcoder() -> list[tuple[Problem, Completion, bool]]:
    rows = pq.read_table(shared_data("mathcoder_rollouts.parquet")).to_pylist()
    found = []
    for index, row in enumerate(rows):
        turns = tuple(Message("assistant", turn["content"], turn["role"]) for turn in json.loads(row["messages"]))
        problem = Problem(row["prompt"], row["reference"], external_id=row["problem_id"])
        found.append((problem, completion(str(index), turns[-1].content, turns), row["is_correct"]))
    return found


def disagreements(
    rows: list[tuple[Problem, Completion, bool]], verdicts: list[Verdict]
) -> list[tuple[str | None, str, str]]:
    pairs = zip(rows, verdicts, strict=True)
    return [(p.external_id, c.text[-20:], v.outcome) for (p, c, label), v in pairs if (v.outcome == "correct") != label]


def adjudicated() -> list[dict[str, str]]:
    with (ROOT / "docs" / "adjudicated_mathcoder.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_gsm8k_has_no_disagreement(verifier: MathVerifier) -> None:
    rows = labelled("gsm8k")
    for chosen in (NumberVerifier(), verifier):
        verdicts = list(chosen.verify_many((p, c) for p, c, _ in rows))
        assert disagreements(rows, verdicts) == []
        assert sum(v.outcome == "correct" for v in verdicts) == 986


def test_math_disagrees_only_where_the_label_is_wrong(verifier: MathVerifier) -> None:
    """math-72: the reference is 10{,}000 and the solution ends with 10000."""
    rows = labelled("math")
    verdicts = list(verifier.verify_many((p, c) for p, c, _ in rows))
    assert [(name, outcome) for name, _, outcome in disagreements(rows, verdicts)] == [("math-72", "correct")]
    assert Counter(v.outcome for v in verdicts) == {"correct": 352, "incorrect": 48}


def test_mathcoder_disagrees_only_where_it_was_read(verifier: MathVerifier) -> None:
    rows = mathcoder()
    verdicts = list(verifier.verify_many((p, c) for p, c, _ in rows))
    found = {
        (c.id, v.outcome) for (_, c, label), v in zip(rows, verdicts, strict=True) if (v.outcome == "correct") != label
    }
    read = [row for row in adjudicated() if row["sample"].startswith("disagreement")]
    assert found == {(row["row"], row["ours"]) for row in read if (row["ours"] == "correct") != (row["label"] == "correct")}
    assert sum(v.outcome == "undecided" for v in verdicts) == 69
    drawn = random.Random(SEED).sample(sorted(int(row["row"]) for row in read), 100)
    assert {int(row["row"]) for row in read if row["sample"] == "disagreement-100"} == set(drawn)


def graders() -> list[dict[str, str]]:
    with (ROOT / "docs" / "adjudicated_graders.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("policy", ["strict", "lenient"])
def test_every_pair_that_is_accepted_was_read(policy: str) -> None:
    """The second table: distinct pairs that differ in spelling and that somebody accepts, each adjudicated."""
    rows = mathcoder()
    with MathVerifier(policy=policy) as chosen:
        verdicts = list(chosen.verify_many((p, c) for p, c, _ in rows))
    found = {
        (p.reference, v.extracted): v.outcome == "correct"
        for (p, _, _), v in reversed(list(zip(rows, verdicts, strict=True)))
        if v.extracted is not None and v.extracted != p.reference
    }
    table = {(row["reference"], row["answer"]): row[policy] == "yes" for row in graders()}
    assert len(found) == 2_464
    assert {pair for pair, same in found.items() if same} == {pair for pair, same in table.items() if same}


def test_strict_accepts_nothing_that_was_judged_wrong() -> None:
    rows = graders()
    assert len(rows) == 499
    assert {row["adjudged"] for row in rows} == {"correct", "incorrect"}
    assert [row for row in rows if row["strict"] == "yes" and row["adjudged"] != "correct"] == []
    refused = Counter(row["class"] for row in rows if row["strict"] != "yes" and row["adjudged"] == "correct")
    assert refused == {"reference incomplete": 37, "rounded reference": 6, "unit or noun": 1}
    rounded = {row["class"] for row in rows if row["lenient"] == "yes" and row["adjudged"] != "correct"}
    assert rounded == {"rounding"}


def test_no_false_accept_was_found_and_false_rejects_are_counted() -> None:
    rows = adjudicated()
    assert [row for row in rows if row["ours"] == "correct" and row["adjudged"] != "correct"] == []
    rejected = Counter(row["sample"] for row in rows if row["ours"] != "correct" and row["adjudged"] == "correct")
    assert rejected == {"disagreement-100": 32, "disagreement-rest": 5, "agreed-reject-100": 1}


def test_every_reference_equals_itself(verifier: MathVerifier) -> None:
    references = {p.reference for p, _, _ in (*mathcoder(), *labelled("gsm8k"), *labelled("math"))}
    items = [(Problem("q", text), completion(str(i), f"\\boxed{{{text}}}")) for i, text in enumerate(sorted(references))]
    assert [v.reference_form for v in verifier.verify_many(items) if v.outcome != "correct"] == []
