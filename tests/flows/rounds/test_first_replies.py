"""Warnings about the first replies of a step, made of the records of batches."""

from dataclasses import replace

from rollmill.flows.rounds.first_replies import FirstReplies
from rollmill.ground.records import Completion

GOOD = Completion("1", "p", "openai", "m", "d", "curate", 0, 7, "The answer is 4.", "stop")


def draws(prompts: int, each: int, text: str = "answer {prompt} {draw}", **fields: object) -> list[Completion]:
    return [
        replace(GOOD, prompt_id=str(prompt), text=text.format(prompt=prompt, draw=draw), **fields)  # type: ignore[arg-type]
        for prompt in range(prompts)
        for draw in range(each)
    ]


def test_draws_of_each_prompt_that_are_one_text_are_told_once() -> None:
    alike = draws(5, 4, "answer {prompt}")
    first = FirstReplies()
    assert first.add(alike[:16]) == []  # of four prompts
    assert first.add(alike[16:]) == [
        "all draws of each of the first 5 prompts are one text: raise temperature, or look whether the server uses the seed"
    ]
    assert first.add(alike) == []
    assert FirstReplies().add([*alike, *draws(1, 2)]) == []
    assert FirstReplies().add(draws(40, 1, "answer")) == []


def test_replies_that_are_all_reasoning_empty_or_truncated_are_told_with_the_key_to_change() -> None:
    thought = draws(4, 4, " ", reasoning="Let me see", finish_reason="length")
    told = FirstReplies().add(thought)
    assert [line.partition(":")[0] for line in told] == [
        "all of the first 16 replies have reasoning and no answer behind it",
        "all of the first 16 replies were truncated at their length limit",
    ]
    assert FirstReplies().add(thought[:15]) == []
    assert FirstReplies().add([*thought, GOOD]) == []
    assert FirstReplies().add(draws(4, 4, ""))[0].startswith("all of the first 16 replies are empty: look at stop")
