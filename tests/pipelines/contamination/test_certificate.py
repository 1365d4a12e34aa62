"""Certificates: what is planted is what is looked for, what is never found shows, and the seed decides all."""

import json
from dataclasses import replace

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.contamination import ContaminationCertificate, RecallFloor, certify, planted_copies
from rollmill.pipelines.contamination.edits import EDITS
from rollmill.pipelines.contamination.planted_copies import Rate, Recall
from rollmill.pipelines.contamination.texts import tokens
from rollmill.pipelines.synthesize import SYNTHESIZERS
from tests.shared_data import shared_data

PROBLEMS = tuple(SYNTHESIZERS["templates"](split="evaluation").synthesize(48, 3))


@pytest.fixture(scope="module")
def measured() -> ContaminationCertificate:
    return certify(PROBLEMS, copies=24, seed=5)


def rates(made: ContaminationCertificate) -> dict[tuple[str, str], Recall]:
    return {(one.edit, one.place): one for one in made.recall}


def test_every_edit_is_tried_in_problems_and_in_answers(measured: ContaminationCertificate) -> None:
    assert (measured.problems, measured.copies) == (48, 24)
    assert set(rates(measured)) == {(edit, place) for edit in EDITS for place in ("problem", "completion")}
    for edit in ("exact", "rewrapped", "respaced", "respelled"):
        assert [rates(measured)[edit, place].rate for place in ("problem", "completion")] == [Rate(24, 24)] * 2
    assert rates(measured)["exact", "problem"].by["text"] == 24
    assert rates(measured)["renumbered", "problem"].expected == "new numbers"
    assert rates(measured)["renumbered", "problem"].rate == Rate(24, 24)
    assert rates(measured)["renumbered", "completion"].rate.n == 0


def test_pairs_that_are_no_copies_are_seldom_called_leaks(measured: ContaminationCertificate) -> None:
    flags = {(one.pairs, one.place): one.rate for one in measured.false_flags}
    assert flags["renumbered copies", "problem"] == Rate(0, 24)
    assert flags["fresh instances of the same templates", "problem"].n == 24
    assert flags["fresh instances of the same templates", "problem"].found <= 2
    assert flags["its other problems", "completion"].n == 24


def test_a_rate_has_an_exact_interval_and_none_where_nothing_was_tried() -> None:
    row = Rate(24, 24).json()
    assert (row["share"], round(row["low"], 4), row["high"]) == (1.0, 0.8575, 1.0)
    assert Rate(0, 0).json() == {"found": 0, "n": 0, "share": None, "low": None, "high": None}


def test_the_seed_and_nothing_else_decides(measured: ContaminationCertificate) -> None:
    again = certify(tuple(reversed(PROBLEMS)), copies=24, seed=5)
    assert json.dumps(again.json()) == json.dumps(measured.json())
    assert certify(PROBLEMS, copies=24, seed=6) != measured


def test_recall_falls_with_the_check(measured: ContaminationCertificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutation: a check that no longer compares runs and words finds none but copies that are the same text."""
    monkeypatch.setattr("rollmill.pipelines.contamination.index.BenchmarkIndex._same", lambda *_: None)
    monkeypatch.setattr("rollmill.pipelines.contamination.index.BenchmarkIndex._quoted", lambda *_, **__: None)
    blind = certify(PROBLEMS, copies=24, seed=5)
    assert rates(blind)["exact", "problem"].rate == Rate(24, 24)
    assert rates(blind)["rewrapped", "problem"].rate == Rate(0, 24)
    floor = RecallFloor(0.6)
    assert floor.holds(measured)
    assert not floor.holds(blind)
    assert not replace(floor, min_recall=0.99).holds(measured)
    assert replace(floor, min_recall=0.85, edits=("exact",), max_false_flags=0.5).holds(measured)


def test_answers_that_repeat_a_problem_themselves_host_no_copy() -> None:
    """Trap: real answers quote the benchmark; a copy put into such a one would be found whatever it is."""
    host = f"Let me repeat it. {PROBLEMS[0].prompt} Now I answer."
    assert certify(PROBLEMS, [host], copies=24, seed=5) == certify(PROBLEMS, copies=24, seed=5)


def test_copies_are_texts_of_other_files_without_a_graph() -> None:
    made = list(planted_copies._copies("misspelt", PROBLEMS[:4], 5))
    assert {copy.graph for copy in made} == {None}
    assert all(tokens(copy.text) != tokens(str(problem.prompt)) for copy, problem in zip(made, PROBLEMS, strict=False))


@pytest.mark.data
def test_recall_on_gsm8k_copies_with_its_real_answers_as_hosts() -> None:
    rows = [json.loads(line) for line in shared_data("gsm8k_problems.jsonl").read_text("utf-8").splitlines()]
    problems = [Problem(row["prompt"], row["reference"], meta={"solution": row["solution"]}) for row in rows]
    lines = shared_data("gsm8k_rollouts.jsonl").read_text("utf-8").splitlines()
    made = certify(problems, [json.loads(line)["text"] for line in lines[:400]], copies=200)
    shares = {(one.edit, one.place): one.rate.json()["share"] for one in made.recall}
    for edit in ("exact", "rewrapped", "respaced", "reordered", "respelled"):
        assert min(shares[edit, "problem"], shares[edit, "completion"]) >= 0.97, edit
    assert shares["misspelt", "problem"] >= 0.95
    assert shares["misspelt", "completion"] >= 0.93
    assert shares["renamed", "problem"] >= 0.97
    assert shares["renamed", "completion"] >= 0.88
    assert 0.6 <= shares["paraphrased", "completion"] <= shares["paraphrased", "problem"] <= 0.95
    assert [one for one in made.false_flags if one.rate.found] == []
