"""`rollmill contamination resplit`: a model that learnt wordings by heart shows a gap, one that learnt the rule none."""

import json
from pathlib import Path

import pytest

from rollmill.flows.contamination.resplits import Likeness
from tests.flows.conftest import Run
from tests.json_lines import write_lines

RECIPE = """\
recipe_schema: 1
name: NAME
problems: {imported: NAME}
generate: {engine: imported}
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""
SEEN = "Ann has {} pens and buys {} more pens. How many pens has she?"
UNSEEN = "A bus with {} seats gets a trailer that holds {} people: total places?"


def test_likeness_is_of_wording_whatever_the_numbers() -> None:
    likeness = Likeness([SEEN.format(3, 4), "Why?"])
    assert likeness.of(SEEN.format(12, 400)) == 1.0
    assert likeness.of(UNSEEN.format(3, 4)) == 0.0
    assert 0.5 < likeness.of(SEEN.format(3, 4) + " Say it aloud.") < 1.0
    assert likeness.of("") == 0.0
    assert likeness.problems == 2


def imported(toy: Path, rollmill: Run, name: str, texts: list[str], models: dict[str, set[int]]) -> None:
    """A run over these problems; each model is right on those whose places it knows."""
    problems = [{"id": f"{name}{at}", "prompt": text, "reference": str(at)} for at, text in enumerate(texts)]
    rollouts = [
        {"problem_id": f"{name}{at}", "model": model, "text": f"#### {at if at in known else -1}"}
        for model, known in models.items()
        for at in range(len(texts))
    ]
    (toy / f"{name}.yaml").write_text(RECIPE.replace("NAME", name))
    file, drawn = write_lines(toy / f"{name}-p.jsonl", problems), write_lines(toy / f"{name}-r.jsonl", rollouts)
    for words in (
        ("import", "problems", file, "--name", name),
        ("import", "rollouts", drawn, "--name", name, "--problems", name),
        ("curate", f"{name}.yaml", "--direct"),
    ):
        answer = rollmill(*words)
        assert answer.status == 0, answer.err


@pytest.mark.integration
def test_what_was_learnt_by_heart_shows_a_gap_and_a_rule_shows_none(toy: Path, rollmill: Run) -> None:
    imported(toy, rollmill, "trained", [SEEN.format(n, n + 1) for n in range(20)], {"m": set(range(20))})
    asked = [(SEEN if n % 2 else UNSEEN).format(100 + n, n) for n in range(80)]
    rule = {n for n in range(80) if n % 5}
    imported(toy, rollmill, "asked", asked, {"heart": {n for n in range(80) if n % 2}, "rule": rule})
    gaps = {}
    for model in ("heart", "rule"):
        answer = rollmill("contamination", "resplit", f"asked:{model}", "--train", "trained", "--json")
        assert answer.status == 0, answer.err
        report = json.loads(answer.out)
        [row] = report["benchmarks"]
        assert (report["model"], report["trained_problems"]) == (model, 20)
        assert (row["interpolation"]["problems"], row["extrapolation"]["problems"]) == (40, 40)
        gaps[model] = row["gap"]
    assert gaps["heart"]["low"] > 0.8
    assert gaps["rule"]["low"] < 0 < gaps["rule"]["high"]
    shown = rollmill("contamination", "resplit", "asked:rule", "--train", "trained").out
    assert "rule on asked:rule; 20 training problems of trained" in shown
    for words, message in (
        (("asked", "--train", "trained"), "asked is of 2 models"),
        (("asked:rule", "--train", "traine"), "unknown run or dataset version 'traine'"),
        (("asked:rule", "--train", "trained", "--alike", "0"), "--alike 0: a likeness is above 0 and at most 1"),
    ):
        refused = rollmill("contamination", "resplit", *words)
        assert refused.status == 2
        assert message in refused.err
