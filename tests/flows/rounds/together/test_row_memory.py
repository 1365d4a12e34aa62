"""What is kept of judged rows: outcomes by ordinal, and keys of correct solutions."""

from rollmill.flows.rounds.memory import Memory
from rollmill.ground.records import Completion, Outcome, PlanRow
from rollmill.ground.solutions import solution_key

ROWS = [PlanRow("toy-run", n // 3, 0, n % 3, "p", "q", f"c{n}", n, 0) for n in range(6)]


def text(name: str, finish: str = "stop") -> Completion:
    return Completion(name, "q", "toy", "m", "d", "curate", 0, 1, f"text of {name}", finish)  # type: ignore[arg-type]


def test_outcomes_and_keys_of_rows_at_hand() -> None:
    memory = Memory()
    outcomes: dict[tuple[str, str], Outcome] = {
        ("c1", "p"): "incorrect",
        ("c3", "p"): "correct",
        ("c4", "p"): "correct",
        ("c5", "p"): "correct",
    }
    memory.note({"c4": text("c4"), "c5": text("c5", "length")}, ROWS, outcomes)
    assert [memory.outcome(row) for row in ROWS] == [None, "incorrect", None, "correct", "correct", "correct"]
    assert [memory.solution(row) for row in ROWS] == [None, None, None, None, solution_key("text of c4"), None]
    assert [memory.lacks_solution(row) for row in ROWS] == [False, False, False, True, False, False]
    memory.note_solution(ROWS[3], solution_key("read"))
    assert (memory.solution(ROWS[3]), memory.lacks_solution(ROWS[3])) == (solution_key("read"), False)


def test_rows_are_noted_in_any_order() -> None:
    memory = Memory()
    memory.note_outcome(ROWS[2], "unparsed")
    memory.note_outcome(ROWS[0], "undecided")
    assert [memory.outcome(row) for row in ROWS[:4]] == ["undecided", None, "unparsed", None]
