"""Verdicts of people: what counts of a file, and what its version goes by."""

from dataclasses import replace
from pathlib import Path

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.judged.person import JudgedAnswer, PersonVerifier, answer_digest, write_judgements

PROBLEM = Problem("Is it right?", "yes", "toy")
YES, NO = (Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop") for text in ("Yes.", "No."))
RIGHT = JudgedAnswer(PROBLEM.id, answer_digest(YES), "correct", "ann")
WRONG = replace(RIGHT, outcome="incorrect", judged_by="ben")
OTHER = replace(RIGHT, answer=answer_digest(NO))


def verifier(folder: Path, *answers: JudgedAnswer) -> PersonVerifier:
    write_judgements(folder / "judged.csv", list(answers))
    return PersonVerifier("judged.csv", str(folder))


def test_the_order_of_rows_is_no_other_version(tmp_path: Path) -> None:
    assert verifier(tmp_path, RIGHT, OTHER).version == verifier(tmp_path, OTHER, RIGHT).version


def test_where_two_rows_speak_of_one_text_their_order_is_another_version(tmp_path: Path) -> None:
    """The last one counts: under one version the same text would have two verdicts."""
    first, second = verifier(tmp_path, RIGHT, WRONG), verifier(tmp_path, WRONG, RIGHT)
    outcomes = [judge.judge(PROBLEM, YES).outcome for judge in (first, second)]
    assert outcomes == ["incorrect", "correct"]
    assert first.version != second.version
