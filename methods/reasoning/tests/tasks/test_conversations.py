"""Conversations: every answer by a second reading of the turns, levels, distances, and one score a turn."""

import re
from collections import Counter
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill_reasoning.tasks.conversations import LEVELS, REFUSED, Dialogues

MADE = list(Dialogues().synthesize(400, 7))


def read(problem: Problem) -> str:
    """The right answer to the last turn, from the texts of the user's turns alone."""
    assert not isinstance(problem.prompt, str)
    said = [message.content.rpartition("\n\n")[2] for message in problem.prompt if message.role == "user"]
    lockers: dict[str, int] = {}
    box: Counter[str] = Counter()
    codes: dict[str, tuple[str, str]] = {}
    added = 0
    for text in said[:-1]:
        if found := re.search(r"locker of (\w+) has the number (\d+)", text):
            lockers[found[1]] = int(found[2])
        elif found := re.search(r"I (put|take) (\d+) (\w+)", text):
            box[found[3]] += int(found[2]) if found[1] == "put" else -int(found[2])
        elif found := re.search(r"code of (\w+) is (\d+)\. .+ says the word (\w+) in", text):
            codes[found[1]] = (found[2], found[3])
        elif found := re.search(r"From now on add (\d+)", text):
            added = int(found[1])
        elif "Forget the rule" in text:
            added = 0
    last = said[-1]
    if found := re.search(r"number has the locker of (\w+)\?", last):
        return str(lockers[found[1]] + added)
    if found := re.search(r"How many (\w+) are in", last):
        return str(box[found[1]] + added)
    found = re.fullmatch(r"(?:The word is (\w+)\. )?What is the code of (\w+)\?", last)
    assert found
    code, word = codes[found[2]]
    return str(int(code) + added) if found[1] == word else REFUSED


def test_every_answer_follows_from_the_turns() -> None:
    assert len(MADE) == len({problem.id for problem in MADE}) == 400
    assert [problem.reference for problem in MADE] == [read(problem) for problem in MADE]
    assert {problem.level for problem in MADE} == set(LEVELS)
    assert sum(problem.reference == REFUSED for problem in MADE) > 20


def test_the_prompt_of_a_later_question_goes_on_where_the_earlier_one_ended() -> None:
    for first, second in zip(MADE[::4], MADE[1::4], strict=True):
        assert first.template == second.template
        assert second.prompt[: len(first.prompt)] == first.prompt
        reply: Any = second.prompt[len(first.prompt)]
        assert (reply.role, reply.content) == ("assistant", f"#### {first.reference}")
        assert second.meta["turn"] > first.meta["turn"]


def test_a_question_rests_on_the_turns_that_it_names() -> None:
    """Without one of them the answer is another one, or there is none: distance is measured to what counts."""
    for problem in MADE[:80]:
        assert not isinstance(problem.prompt, str)
        for number in problem.meta["rests_on"]:
            turns = list(problem.prompt)
            turns[2 * (number - 1)] = turns[0].__class__("user", "It rains.")
            try:
                other = read(Problem(tuple(turns), ""))
            except KeyError:
                continue
            ended = "Forget the rule" in problem.prompt[2 * (number - 1)].content
            assert other != problem.reference or ended or problem.reference == REFUSED
        assert problem.meta["distance"] == problem.meta["turn"] - max(problem.meta["rests_on"])


def test_the_last_question_names_the_others_as_its_parts() -> None:
    for at in range(0, 400, 4):
        *others, last = MADE[at : at + 4]
        assert last.meta["parts"] == [problem.id for problem in others]
        assert last.meta["turn"] == 10
        assert not any("parts" in problem.meta for problem in others)


def test_one_level_alone_has_no_other_and_its_rules_do_not_leak() -> None:
    for level in LEVELS:
        made = list(Dialogues(levels=[level]).synthesize(40, 1))
        assert {problem.level for problem in made} == {level}
        assert [problem.reference for problem in made] == [read(problem) for problem in made]


def test_what_it_cannot_make_is_said() -> None:
    with pytest.raises(SetupError, match=r"levels is \[0\]"):
        Dialogues(levels=[0])
    with pytest.raises(SetupError, match="4 questions in 6 turns"):
        Dialogues(turns=6)
