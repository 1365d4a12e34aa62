"""Records survive the trip through Arrow, with every nullable column both ways."""

from storage.records import Completion, Decision, Message, PlanRow, Problem, Score, StopRow, Verdict
from storage.segments.schema import KINDS, SCHEMAS, from_table, to_table

TURNS = (Message("user", "2+2?"), Message("assistant", "print(2+2)", kind="code"), Message("tool", "4", kind="execution"))
SAMPLES = {
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
    "scores": [Score("c1", "p1", "length", "1", 3.5), Score("c2", "p1", "prm", "1", 0.5, (0.75, 0.5), 0.1, 0.25)],
    "decisions": [Decision("run", "p1", "c1", "first", "1", True, "kept", "correct", "number", "1")],
    "plan": [PlanRow("run", 0, 1, 2, "p1", "q1", "c1", 3, 2**62)],
    "stops": [StopRow("run", 0, "p1", "target_met")],
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
