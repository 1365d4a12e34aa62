"""Real worked solutions: how far 2,640 rollouts go along the known ones, beside their labels."""

import json
from collections import Counter

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.code.state_prefix import StatePrefixVerifier
from tests.shared_data import shared_data

pytestmark = pytest.mark.data


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in shared_data(name).read_text(encoding="utf-8").splitlines()]


def test_gsm8k() -> None:
    problems = {
        row["id"]: Problem(row["prompt"], row["reference"], meta={"solution": row["solution"]})
        for row in rows("gsm8k_problems.jsonl")
    }
    answers = rows("gsm8k_rollouts.jsonl")
    items = [
        (problems[row["problem_id"]], Completion(str(i), "", "", "", "", "curate", 0, None, row["text"], "stop"))
        for i, row in enumerate(answers)
    ]
    with StatePrefixVerifier() as verifier:
        verdicts = list(verifier.verify_many(items))
    found = Counter((verdict.outcome, row["is_correct"]) for verdict, row in zip(verdicts, answers, strict=True))
    assert found == COUNTS
    wrong = [verdict.value or 0.0 for verdict in verdicts if verdict.outcome == "incorrect"]
    assert 0.15 < sum(wrong) / len(wrong) < 0.18
    assert max(wrong) < 1.0


COUNTS = {
    ("correct", True): 960,
    ("incorrect", True): 18,
    ("incorrect", False): 1611,
    ("unparsed", True): 2,
    ("unparsed", False): 17,
    ("undecided", True): 6,  # known solutions without a step that can be read
    ("undecided", False): 26,
}
