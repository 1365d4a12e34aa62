"""Overlap with evaluation problems, class by class; on real problems, edited leaks are found, clean ones not flagged."""

import json
import random

import pytest

from pipelines.gate.overlap import LEAKS, EvaluationSet, Hit, grams, numbers, problem_hits, tokens
from storage.records import Message, Problem
from storage.segments.schema import to_table
from tests.shared_data import shared_data

TRAIN = "A train runs 120 km in 2 hours and then 90 km in 1 hour. How far does it run in all?"
HELD_OUT = Problem(TRAIN, "210", meta={"graph": "+(n,n)"})


def found(text: str, graph: str | None = None) -> tuple[str, float] | None:
    hit = EvaluationSet([HELD_OUT]).problem("row", Problem(text, "").prompt_id, text, graph)
    assert hit is None or (hit.row, hit.evaluation_id) == ("row", HELD_OUT.id)
    return None if hit is None else (hit.overlap, round(hit.share, 2))


def test_classes_of_overlap() -> None:
    assert found(TRAIN) == ("exact", 1.0)
    assert found(TRAIN.replace("A train", "One train")) == ("same problem", 0.93)
    assert found(TRAIN.replace("120", "130")) == ("new numbers", 1.0)
    assert found("How much do 3 pens cost at 2 coins each?") is None


def test_a_shared_solution_graph_is_the_same_problem_only_with_the_same_numbers() -> None:
    other_words = "Of 120 sheep and 2 dogs, 90 and 1 are black: count the animals with care."
    assert found(other_words, "+(n,n)") == ("same problem", 0.0)
    assert found(other_words.replace("120", "121"), "+(n,n)") == ("new numbers", 0.0)
    assert found(other_words, "*(n,n)") is None


def test_an_answer_that_repeats_half_a_prompt_with_its_numbers_is_a_leak() -> None:
    evaluation = EvaluationSet([HELD_OUT])
    assert evaluation.completion("c", f"Recall: {TRAIN} It is 210.") == Hit("c", "same problem", HELD_OUT.id, 1.0)
    assert evaluation.completion("c", TRAIN.replace("120", "130")) is None
    assert evaluation.completion("c", "It is 210.") is None


def test_tokens_numbers_and_runs() -> None:
    assert tokens("In 1,000 days, 2.5 of Ben's") == ["in", "1000", "days", "2.5", "of", "ben", "s"]
    assert numbers(["a", "9", "10"]) == ("10", "9")
    assert grams(["a", "b"]) == {("a", "b")}
    assert grams([]) == set()
    assert grams(list("abcdefghi")) == {tuple("abcdefgh"), tuple("bcdefghi")}


def edited(text: str, rng: random.Random) -> str:
    """A leak as somebody would hide it: a tenth of the words replaced, numbers left alone."""
    words = text.split()
    places = [n for n, word in enumerate(words) if word.isalpha()]
    for place in rng.sample(places, max(1, len(words) // 10)):
        words[place] = "some"
    return " ".join(words)


@pytest.mark.data
def test_recall_on_edited_leaks_and_false_flags_on_clean_problems() -> None:
    lines = shared_data("gsm8k_problems.jsonl").read_text(encoding="utf-8").splitlines()
    problems = [Problem(row["prompt"], row["reference"]) for row in map(json.loads, lines)]
    evaluation, rng = EvaluationSet(problems[:330]), random.Random(1)
    hits = [evaluation.problem("r", "", edited(str(problem.prompt), rng)) for problem in problems[:330]]
    clean = [evaluation.problem("r", problem.prompt_id, str(problem.prompt)) for problem in problems[330:]]
    assert sum(hit is not None and hit.overlap == "same problem" for hit in hits) == 330
    assert [hit for hit in clean if hit is not None] == []


def test_among_instances_of_the_same_templates_no_copy_is_missed_and_few_others_are_flagged() -> None:
    from pipelines.synthesize import SYNTHESIZERS
    from pipelines.synthesize.template import instance_key

    def key(problem: Problem) -> str:
        return instance_key(str(problem.template), problem.meta["params"])

    ours, theirs = (list(SYNTHESIZERS["templates"]().synthesize(800, seed)) for seed in (1, 2))
    evaluation, held = EvaluationSet(theirs), {key(problem) for problem in theirs}
    hits = [(p, evaluation.problem(p.id, p.prompt_id, str(p.prompt), p.meta["graph"])) for p in ours]
    leaks = [(problem, hit is not None and hit.overlap in LEAKS) for problem, hit in hits]
    assert [problem.prompt for problem, leaked in leaks if key(problem) in held and not leaked] == []
    assert sum(key(problem) in held for problem in ours) > 5
    # The flagged rest has the same solution graph and numbers in another story: flagged on purpose, and rare.
    clean = [leaked for problem, leaked in leaks if key(problem) not in held]
    assert sum(clean) / len(clean) < 0.05


def test_a_system_turn_hides_no_leak() -> None:
    """A test set of chats and a plain problem of the dataset: the instruction's own numbers are no part of the problem."""
    chat = Problem((Message("system", "Give 3 digits after 4 signs."), Message("user", TRAIN)), "210")
    hit = EvaluationSet([chat]).problem("row", Problem(TRAIN, "").prompt_id, TRAIN)
    assert hit == Hit("row", "same problem", chat.id, 1.0)
    table = to_table("problems", [chat])
    assert problem_hits(EvaluationSet([HELD_OUT]), table) == [Hit(chat.id, "same problem", HELD_OUT.id, 1.0)]
