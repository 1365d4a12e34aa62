"""Counts of what servers did to replies, over rows as they are stored."""

from dataclasses import replace

import duckdb

from rollmill.ground.records import Completion, Message
from rollmill.ground.replies.faults import lines_of_run, refused_replies, reply_counts, reply_lines
from rollmill.storage.segments.schema import to_table

GOOD = Completion("1", "p", "openai", "m", "d", "curate", 0, 7, "The answer is 4.", "stop")
ROWS = [
    GOOD,
    replace(GOOD, id="2", text="It is 4."),
    replace(GOOD, id="3", prompt_id="q", text="42 <|im_end|>"),
    replace(GOOD, id="4", prompt_id="q", text="42 <|im_end|>"),
    replace(
        GOOD, id="5", text="", finish_reason="length", meta={"finish_reason": "too_long", "cause": "9 > 8 tokens.\x1b[2J"}
    ),
    replace(GOOD, id="6", text="Half a", finish_reason="length", meta={"finish_reason": "content_filter"}),
    replace(GOOD, id="7", text=" \n", reasoning="Let me think", finish_reason="length"),
    replace(GOOD, id="8", text="", messages=(Message("assistant", "{}", kind="tool_call", name="add"),)),
    replace(GOOD, id="9", text=""),
    replace(GOOD, id="10", text="", finish_reason="length", meta={"finish_reason": "refused", "cause": "no image"}),
]


def counted(rows: list[Completion]) -> dict[str, object]:
    with duckdb.connect() as connection:
        connection.register("drawn", to_table("completions", rows))
        return reply_counts(connection, "SELECT * FROM drawn")


def test_each_fault_is_counted_and_names_the_key_to_change() -> None:
    counts = counted(ROWS)
    assert counts == {
        "replies": 10,
        "too_long": 1,
        "filtered": 1,
        "refused": 1,
        "reasoning_only": 1,
        "empty": 1,
        "truncated": 1,
        "special_tokens": 2,
        "several": 2,
        "draws": 6,
        "texts": 5,
        "one_text": 1,
        "said": "9 > 8 tokens.\x1b[2J",
    }
    assert refused_replies(counts) == 3
    lines = reply_lines(counts)
    assert lines[0].startswith("1 of 10 replies were refused as too long for the model's context: lower max_tokens")
    assert lines[3].startswith("1 of 10 replies have reasoning and no answer behind it: raise max_tokens")
    assert lines[-1] == "the server said of a refused prompt: 9 > 8 tokens.[2J"
    assert lines_of_run({"funnel": {"replies": counts}}) == lines_of_run({"replies": counts}) == lines


def test_good_replies_have_no_lines_and_draws_that_are_one_text_have() -> None:
    counts = counted(ROWS[:2])
    assert counts == {"replies": 2, "several": 1, "draws": 2, "texts": 2, "one_text": 0}
    assert reply_lines(counts) == lines_of_run({}) == []
    assert reply_lines(counted([GOOD, replace(GOOD, id="2"), replace(GOOD, id="3")])) == [
        "of 1 of 1 prompts drawn several times all draws are one text (3 draws, 1 different): raise temperature, or look "
        "whether the server uses the seed"
    ]
    assert counted([])["replies"] == 0
