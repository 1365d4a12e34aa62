"""Overlap with a benchmark's problems, class by class; on real problems, edited leaks are found, clean ones not flagged."""

import json
import random
from dataclasses import replace

import pytest

from rollmill.ground.records import Message, Problem
from rollmill.pipelines.contamination import LEAKS, BenchmarkIndex, Hit, ProblemText
from rollmill.pipelines.contamination.texts import hard, tokens
from tests.shared_data import shared_data

TRAIN = "A train runs 120 km in 2 hours and then 90 km in 1 hour. How far does it run in all?"
HELD_OUT = Problem(TRAIN, "210", meta={"graph": "+(n,n)"})


def found(text: str, graph: str | None = None, held_out: Problem = HELD_OUT) -> tuple[str, ...] | None:
    """(class, every method that found it)."""
    hit = BenchmarkIndex([held_out]).problem(replace(ProblemText.of(Problem(text, "")), graph=graph))
    assert hit is None or hit.evaluation_id == held_out.id
    return None if hit is None else (hit.overlap, *hit.by)


def test_classes_of_overlap() -> None:
    assert found(TRAIN) == ("exact", "text")
    assert found(TRAIN.upper().replace(" ", "\n")) == ("exact", "text")
    assert found(TRAIN.replace("A train", "One train")) == ("same problem", "8-grams", "near duplicate")
    assert found(TRAIN.replace("120", "130")) == ("new numbers", "8-grams")
    assert found("How much do 3 pens cost at 2 coins each?") is None


def test_a_shared_solution_graph_is_the_same_problem_only_with_the_same_numbers() -> None:
    other_words = "Of 120 sheep and 2 dogs, 90 and 1 are black: count the animals with care."
    assert found(other_words, "+(n,n)") == ("same problem", "graph")
    assert found(other_words.replace("120", "121"), "+(n,n)") == ("new numbers", "graph")
    assert found(other_words, "*(n,n)") is None


def test_a_sign_that_differs_makes_another_problem_though_the_words_and_numbers_are_the_same() -> None:
    """Trap: a comparison that knows letters and digits only would call these one problem."""
    plus = Problem("Compute the value of the expression 12 + 30 and write the result down.", "42")
    assert found(str(plus.prompt).replace("+", "/"), held_out=plus) != ("same problem", "8-grams", "near duplicate")
    assert found(str(plus.prompt).replace("12 + 30", "12  +  30"), held_out=plus) == ("exact", "text")
    swapped = "Compute the value of the expression 30 + 12 and write the result down."
    assert found(swapped, held_out=plus) == ("new numbers", "8-grams")


def test_numbers_that_change_places_make_another_problem_and_clauses_that_do_make_none() -> None:
    problem = Problem("Ann buys 3 pens for 5 coins each at the shop. Bob pays 40 coins for 7 hats. Who pays more?", "Bob")
    swapped = "Ann buys 5 pens for 3 coins each at the shop. Bob pays 7 coins for 40 hats. Who pays more?"
    reordered = "Bob pays 40 coins for 7 hats. Ann buys 3 pens for 5 coins each at the shop. Who pays more?"
    assert found(swapped, held_out=problem) == ("new numbers", "8-grams")
    assert found(reordered, held_out=problem) == ("same problem", "8-grams", "near duplicate")


def test_a_problem_inside_a_longer_one_is_a_leak_and_one_of_the_same_making_is_none() -> None:
    """Trap: `2 hours at 8 miles per hour` stands in every trip; with other numbers around it, it is another problem."""
    trip = Problem("Sam rides for 2 hours at 8 miles per hour. How many miles is the trip in all?", "16")
    longer = "Ivy rides for 2 hours at 17 miles per hour, 5 hours at 8 miles per hour. How many miles is the trip in all?"
    assert found(f"Problem 17. Solve this and show every step of your work. {trip.prompt}", held_out=trip) == (
        "same problem",
        "8-grams",
        "near duplicate",
    )
    shown = "Q: A box has 12 red and 15 blue pens. How many pens are in it? A: 27. Now the next one, think well. Q: "
    assert (found(f"{shown}{trip.prompt}", held_out=trip) or ())[:1] == ("same problem",)
    assert (found(longer, held_out=trip) or ("none",))[0] in ("new numbers", "none")


def test_an_answer_that_repeats_a_prompt_with_its_numbers_is_a_leak() -> None:
    index = BenchmarkIndex([HELD_OUT])
    both = ("8-grams", "near duplicate")
    assert index.completion("c", f"Recall: {TRAIN} It is 210.") == Hit("c", "same problem", HELD_OUT.id, 1.0, both)
    assert index.completion("c", f"There are 120 and 2, 90, 1: {TRAIN.replace('120', '130').replace('90', '80')}") is None
    assert index.completion("c", "It is 210.") is None


def test_many_problems_without_numbers_are_compared_by_sketches_and_runs() -> None:
    """More than 32 problems share the empty set of numbers: nearest ones come from a band of their sketches."""
    nouns = ("river", "stone", "cloud", "engine", "garden", "planet", "violin", "harbour")
    verbs = ("holds", "breaks", "feeds", "follows", "paints")
    texts = [f"Which of the old {noun}s never {verb} a {noun} that no one has named?" for noun in nouns for verb in verbs]
    index = BenchmarkIndex([Problem(text, "A") for text in texts])
    for text in texts[::7]:
        hit = index.problem(ProblemText("row", "", text.replace("Which", "What") + " Say why."))
        assert hit is not None
        assert (hit.overlap, hit.evaluation_id) == ("same problem", Problem(text, "A").id)
    assert index.problem(ProblemText("row", "", "Name the capital of the country where tea was first grown.")) is None


def test_a_system_turn_hides_no_leak() -> None:
    """A test set of chats and a plain problem of the dataset: the instruction's own numbers are no part of the problem."""
    chat = Problem((Message("system", "Give 3 digits after 4 signs."), Message("user", TRAIN)), "210")
    hit = BenchmarkIndex([chat]).problem(ProblemText("row", "", TRAIN))
    assert hit == Hit("row", "exact", chat.id, 1.0, ("text",))
    assert ProblemText.of(chat).text == TRAIN


def test_among_instances_of_the_same_templates_no_copy_is_missed_and_few_others_are_flagged() -> None:
    from rollmill.pipelines.synthesize import SYNTHESIZERS
    from rollmill.pipelines.synthesize.template import instance_key

    def key(problem: Problem) -> str:
        return instance_key(str(problem.template), problem.meta["params"])

    ours, theirs = (list(SYNTHESIZERS["templates"]().synthesize(800, seed)) for seed in (1, 2))
    index, held = BenchmarkIndex(theirs), {key(problem) for problem in theirs}
    hits = [(problem, index.problem(ProblemText.of(problem))) for problem in ours]
    leaks = [(problem, hit is not None and hit.overlap in LEAKS) for problem, hit in hits]
    assert [problem.prompt for problem, leaked in leaks if key(problem) in held and not leaked] == []
    assert sum(key(problem) in held for problem in ours) > 5
    # The flagged rest has the same solution graph and numbers in another story: flagged on purpose, and rare.
    clean = [leaked for problem, leaked in leaks if key(problem) not in held]
    assert sum(clean) / len(clean) < 0.05


def edited(text: str, rng: random.Random) -> str:
    """A leak as somebody would hide it: a tenth of the words replaced, numbers left alone."""
    words = text.split()
    places = [n for n, word in enumerate(words) if word.isalpha() and not hard(tokens(word))]
    for place in rng.sample(places, max(1, len(words) // 10)):
        words[place] = "some"
    return " ".join(words)


@pytest.mark.data
def test_recall_on_edited_leaks_and_false_flags_on_clean_problems() -> None:
    lines = shared_data("gsm8k_problems.jsonl").read_text(encoding="utf-8").splitlines()
    problems = [Problem(row["prompt"], row["reference"]) for row in map(json.loads, lines)]
    index, rng = BenchmarkIndex(problems[:330]), random.Random(1)
    hits = [index.problem(ProblemText("r", "", edited(str(problem.prompt), rng))) for problem in problems[:330]]
    clean = [index.problem(ProblemText.of(problem)) for problem in problems[330:]]
    assert sum(hit is not None and hit.overlap == "same problem" for hit in hits) == 330
    assert [hit for hit in clean if hit is not None] == []
