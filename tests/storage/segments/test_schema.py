"""Records as tables and back: every field as it was, null or not, in whatever slice, with or without lists."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from rollmill.ground.records import (
    AcceptedOutcome,
    Completion,
    Decision,
    JudgedRow,
    Message,
    PlanRow,
    Problem,
    Score,
    StopRow,
    Verdict,
)
from rollmill.storage.segments.keys import KINDS, Kind, SentPrompt
from rollmill.storage.segments.schema import SCHEMAS, from_table, to_table

NO_META: dict[str, Any] = {}
PLAIN = Completion("c0", "q", "toy", "toy", "d", "curate", 0, 1, "text", "stop")
COMPLETIONS = [
    replace(PLAIN, id=f"c{n}", token_ids=ids, prompt_token_ids=(7,) * n, logprobs=logs, meta=meta, messages=messages)
    for n, (ids, logs, meta, messages) in enumerate(
        [
            ((1, 2, 3), (-0.5, -1.0, -0.25), NO_META, None),
            (None, None, {"b": 1, "a": [None, "é"]}, (Message("user", "x"), Message("assistant", "y"))),
            ((), (), {}, ()),
            ((2**31 - 1,), (0.0,), {"nan": "NaN"}, None),
            (None, (-3.0, -4.0), {}, None),
        ]
    )
]
RECORDS: dict[Kind, list[Any]] = {
    "completions": COMPLETIONS,
    "problems": [Problem("x", "1"), Problem((Message("user", "y"),), "2", tests=("assert 1",), meta={"k": [1]})],
    "plan": [PlanRow("r", 0, 0, n, "p", "q", f"c{n}", n, n, step) for n, step in enumerate(["", "weak"])],
    "verdicts": [
        Verdict("c", "p", "number", "1", "correct", "equal"),
        Verdict("c", "p", "math", "2", "undecided", "none", cause="x"),
    ],
    "decisions": [
        Decision(
            "r",
            "p",
            f"c{n}",
            "quota",
            "1",
            kept=True,
            reason="k",
            outcome="correct",
            verifier="v",
            verifier_version="1",
            step=step,
        )
        for n, step in enumerate(["", "weak"])
    ],
}


@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_a_table_gives_back_its_records(kind: Kind) -> None:
    table = to_table(kind, iter(RECORDS[kind]))
    assert table.schema == SCHEMAS[kind]
    assert from_table(kind, table) == RECORDS[kind]
    assert to_table(kind, from_table(kind, table)) == table
    assert from_table(kind, to_table(kind, [])) == []


@pytest.mark.parametrize("start", range(6))
def test_slices_cut_lists_where_they_are(start: int) -> None:
    table = to_table("completions", COMPLETIONS)
    for length in range(6 - start):
        assert from_table("completions", table.slice(start, length)) == COMPLETIONS[start : start + length]
    pieces = pa.concat_tables([table.slice(start), table.slice(0, start)])
    assert from_table("completions", pieces) == COMPLETIONS[start:] + COMPLETIONS[:start]


def test_no_step_is_null() -> None:
    assert to_table("plan", RECORDS["plan"])["step"].to_pylist() == [None, "weak"]


def test_a_column_that_an_older_file_lacks_takes_the_default() -> None:
    older = to_table("plan", RECORDS["plan"]).drop_columns(["step"])
    assert [row.step for row in from_table("plan", older)] == ["", ""]
    older = to_table("completions", COMPLETIONS).drop_columns(["logprobs", "meta"])
    assert from_table("completions", older) == [replace(completion, logprobs=None, meta={}) for completion in COMPLETIONS]


def test_a_null_in_a_list_stays_one() -> None:
    table = to_table("completions", COMPLETIONS)
    lists = pa.array([[1.0, None], None, [], [2.0], [3.0]], pa.list_(pa.float32()))
    altered = table.set_column(table.column_names.index("logprobs"), "logprobs", lists)
    assert [completion.logprobs for completion in from_table("completions", altered)] == [
        (1.0, None),
        None,
        (),
        (2.0,),
        (3.0,),
    ]


TURNS = (Message("user", "2+2?"), Message("assistant", "print(2+2)", kind="code"), Message("tool", "4", kind="execution"))
SAMPLES: dict[Kind, list[Any]] = {
    "problems": [
        Problem("What is 2 + 2?", "4", level=1, skill="chain", meta={"graph": "add"}),
        Problem(TURNS, "4", tests=("assert f(1) == 2",), external_id="x-1", licence="MIT"),
    ],
    "completions": [
        Completion("c1", "p", "embedded", "m", "d", "curate", 0, 7, "4", "stop"),
        Completion(
            "c2",
            "p",
            "e",
            "m",
            "d",
            "curate",
            1,
            None,
            "\x00é",
            "length",
            token_ids=(1, 2),
            logprobs=(-0.5,),
            messages=TURNS,
            cost=0.25,
            meta={"a": 1},
        ),
    ],
    "verdicts": [Verdict("c1", "p1", "number", "1", "undecided", "none", cause="cpu_limit", value=0.5)],
    "outcomes": [AcceptedOutcome("c1", "p1", "undecided", "policy:majority", "1")],
    "scores": [Score("c1", "p1", "length", "1", 3.5), Score("c2", "p1", "prm", "1", 0.5, (0.75, 0.5), 0.1, 0.25)],
    "decisions": [Decision("run", "p1", "c1", "first", "1", True, "kept", "correct", "number", "1")],
    "plan": [PlanRow("run", 0, 1, 2, "p1", "q1", "c1", 3, 2**62)],
    "stops": [StopRow("run", 0, "p1", "target_met")],
    "prompts": [SentPrompt("d", '[{"content":"?","role":"user"}]')],
    "judged": [
        JudgedRow("a", 3, "p1", "c1", TURNS, "4", "math", "4", 1.0, "correct", "r", "", "number", "1", 9.5),
        JudgedRow("a", None, "p1", "c2", "?", "4", "math", "", None, "undecided", "r", "cpu_limit", "number", "1", 9.5),
    ],
}


def test_every_kind_survives_the_trip() -> None:
    assert set(SAMPLES) == set(KINDS)
    for kind, records in SAMPLES.items():
        table = to_table(kind, records)
        assert table.schema == SCHEMAS[kind]
        assert from_table(kind, table) == records


def test_prompt_id_ignores_the_reference_and_id_does_not() -> None:
    first, repaired = Problem("2+2?", "5"), Problem("2+2?", "4")
    assert first.prompt_id == repaired.prompt_id
    assert first.id != repaired.id
