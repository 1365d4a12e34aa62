"""What is kept of judged rows: outcomes by ordinal, keys of correct solutions, nothing where arms ask for more."""

from flows.rounds.remembering import key_of, lacks_key, note_key, note_outcome, outcome_of, remember
from flows.sampling.arms import Arm
from storage.records import Completion, PlanRow
from storage.solutions import solution_key
from tests.flows.rounds.toy import ToyEngine, spec

ROWS = [PlanRow("toy-run", n // 3, 0, n % 3, "p", "q", f"c{n}", n, 0) for n in range(6)]


def text(name: str, finish: str = "stop") -> Completion:
    return Completion(name, "q", "toy", "m", "d", "curate", 0, 1, f"text of {name}", finish)  # type: ignore[arg-type]


def test_outcomes_and_keys_of_rows_at_hand() -> None:
    with spec() as part:
        texts = {"c4": text("c4"), "c5": text("c5", "length")}
        said = {("c1", "p"): "incorrect", ("c3", "p"): "correct", ("c4", "p"): "correct", ("c5", "p"): "correct"}
        remember(part, texts, ROWS, said)  # type: ignore[arg-type]
        assert [outcome_of(part, row) for row in ROWS] == [None, "incorrect", None, "correct", "correct", "correct"]
        assert [key_of(part, row) for row in ROWS] == [None, None, None, None, solution_key("text of c4"), None]
        assert [lacks_key(part, row) for row in ROWS] == [False, False, False, True, False, False]
        note_key(part, ROWS[3], solution_key("read"))
        assert (key_of(part, ROWS[3]), lacks_key(part, ROWS[3])) == (solution_key("read"), False)


def test_rows_are_noted_in_any_order() -> None:
    with spec() as part:
        for row, outcome in ((ROWS[2], "unparsed"), (ROWS[0], "undecided")):
            note_outcome(part, row, outcome)  # type: ignore[arg-type]
        assert [outcome_of(part, row) for row in ROWS[:4]] == ["undecided", None, "unparsed", None]


def test_a_run_with_arms_reads_its_verdicts() -> None:
    with spec(arms=[Arm("one", ToyEngine)]) as part:
        remember(part, {}, ROWS, {("c1", "p"): "correct"})
        assert outcome_of(part, ROWS[1]) is None
