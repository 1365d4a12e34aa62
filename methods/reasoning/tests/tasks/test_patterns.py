"""Rational speech acts against brute force, and patterns that chosen examples tell apart better than random ones."""

import itertools
import random

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion
from rollmill.pipelines.verify import VERIFIERS
from rollmill_reasoning.tasks.patterns import Patterns, pattern_table
from rollmill_reasoning.tasks.pragmatics import (
    informative_examples,
    listener_of_examples,
    literal_listener,
    pragmatic_listener,
    speaker,
)

Table = list[list[float]]


def by_hand(matrix: list[list[bool]], alpha: float) -> tuple[Table, Table, Table]:
    """Literal listener, speaker and pragmatic listener, sum by sum, as rows of programs."""
    programs, examples = range(len(matrix)), range(len(matrix[0]))
    literal = [[0.0 for _ in examples] for _ in programs]
    for p, e in itertools.product(programs, examples):
        consistent = sum(matrix[other][e] for other in programs)
        literal[p][e] = 1 / consistent if matrix[p][e] else 0.0
    said = [[0.0 for _ in examples] for _ in programs]
    for p, e in itertools.product(programs, examples):
        whole = sum(literal[p][other] ** alpha for other in examples if matrix[p][other])
        said[p][e] = literal[p][e] ** alpha / whole if matrix[p][e] else 0.0
    heard = [[0.0 for _ in examples] for _ in programs]
    for p, e in itertools.product(programs, examples):
        whole = sum(said[other][e] for other in programs)
        heard[p][e] = said[p][e] / whole if whole else 0.0
    return literal, said, heard


@pytest.mark.parametrize("alpha", [1.0, 3.0])
def test_listeners_and_speaker_against_brute_force(alpha: float) -> None:
    rng = random.Random(1)
    for _ in range(40):
        rows = [[rng.random() < 0.5 for _ in range(5)] for _ in range(4)]
        matrix = np.array(rows)
        literal, said, heard = by_hand(rows, alpha)
        assert literal_listener(matrix) == pytest.approx(np.array(literal))
        assert speaker(matrix, alpha=alpha) == pytest.approx(np.array(said))
        assert pragmatic_listener(matrix, alpha=alpha) == pytest.approx(np.array(heard))


def test_the_textbook_case_a_word_that_fits_two_means_the_one_without_a_better_word() -> None:
    """Faces: plain, with glasses, with glasses and hat. "Glasses" means the face without a hat."""
    faces = np.array([[False, False], [True, False], [True, True]])  # examples: "glasses", "hat"
    assert literal_listener(faces)[:, 0].tolist() == [0, 0.5, 0.5]
    assert pragmatic_listener(faces)[:, 0] == pytest.approx([0, 0.75, 0.25])
    assert pragmatic_listener(faces, np.array([1.0, 1.0, 3.0]))[2, 0] > 0.25


def test_the_chosen_example_is_the_one_after_which_fewest_programs_are_left() -> None:
    table = pattern_table(2, 4)
    consistent = table.consistent
    for program in range(0, len(table.patterns), 7):
        [first] = informative_examples(consistent, program, 1)
        left = [int(consistent[:, e].sum()) for e in range(consistent.shape[1]) if consistent[program, e]]
        assert consistent[program, first]
        assert int(consistent[:, first].sum()) == min(left)


def test_patterns_differ_and_examples_are_of_their_pattern() -> None:
    table = pattern_table(2, 5)
    assert len({tuple(row) for row in table.accepts.tolist()}) == len(table.patterns) == 88
    for place in (0, 5, len(table.words) + 5):
        word, accepted = table.example(place)
        assert (table.consistent[:, place] == (table.accepts[:, table.words.index(word)] == accepted)).all()


def test_chosen_examples_find_the_program_more_often_than_random_ones() -> None:
    """The card's check: an enumerable set of programs, k examples, the probability of the right one."""
    table = pattern_table(2, 5)
    made = {choice: list(Patterns(examples=3, choice=choice).synthesize(88, 3)) for choice in ("pragmatic", "random")}
    mean = {
        (choice, listener): float(np.mean([problem.meta["listener"][listener] for problem in problems]))
        for choice, problems in made.items()
        for listener in ("literal", "pragmatic")
    }
    assert mean["pragmatic", "literal"] > mean["random", "literal"] + 0.25
    assert mean["pragmatic", "pragmatic"] > mean["pragmatic", "literal"]
    found = sum(
        int(np.argmax(listener_of_examples(table.consistent, shown, pragmatic=True))) == program
        for program in range(len(table.patterns))
        for shown in [informative_examples(table.consistent, program, 3)]
    )
    assert (found, len(table.patterns)) == (76, 88)


def test_no_example_is_shown_that_tells_nothing() -> None:
    """The trap: once the program alone is left, further examples would only make the comparison longer."""
    for problem in Patterns(examples=12).synthesize(60, 1):
        assert len(problem.meta["examples"]) < 12
        assert problem.meta["listener"]["literal"] == 1


@pytest.mark.sandbox
def test_a_program_that_fits_the_examples_alone_is_wrong() -> None:
    problem = next(problem for problem in Patterns(examples=2).synthesize(88, 3) if problem.template == "a*b*")
    known = dict(problem.meta["examples"])
    fitted = f"```python\ndef accepts(word):\n    return {known!r}.get(word, False)\n```"
    with VERIFIERS["code"]() as verifier:  # type: ignore[attr-defined]
        for text, outcome in ((f"```python\n{problem.reference}```", "correct"), (fitted, "incorrect")):
            completion = Completion("c", problem.id, "e", "m", "", "curate", 0, None, text, "stop")
            assert verifier.verify(problem, completion).outcome == outcome


def test_what_it_cannot_make_is_said() -> None:
    with pytest.raises(SetupError, match="atoms 9"):
        Patterns(atoms=9)
    with pytest.raises(SetupError, match="unknown choice"):
        Patterns(choice="best")
