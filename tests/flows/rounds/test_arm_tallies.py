"""Tallies by arm: which answers are the same, and that the reference plays no part in it."""

from flows.rounds.arm_tallies import RowFacts, arm_tallies
from pipelines.protocols import ArmTally
from storage.records import Outcome, PlanRow


def row(cid: str, arm: str) -> PlanRow:
    return PlanRow("run", 0, 0, 0, "p", "q", cid, 0, 0, arm)


def test_every_arm_counts_its_own_rows_in_the_recipes_order() -> None:
    said: dict[str, tuple[Outcome, str | None]] = {
        "c1": ("correct", "7"),
        "c2": ("correct", "7"),
        "c3": ("incorrect", "8"),
        "c4": ("unparsed", None),
        "c5": ("undecided", "9"),
    }
    known = RowFacts(
        outcomes={(cid, "p"): outcome for cid, (outcome, _) in said.items()},
        answers={(cid, "p"): answer for cid, (_, answer) in said.items()},
        solutions={"c1": "one way", "c2": "one way"},
        tokens={("p", "weak"): 40, ("p", "strong"): 9},
    )
    rows = [*(row(cid, "weak") for cid in ("c1", "c2", "c3", "c4")), row("c5", "strong")]
    assert arm_tallies(["weak", "strong", "unused"], "p", rows, known) == (
        ArmTally("weak", drawn=4, correct=2, incorrect=1, unparsed=1, distinct=1, tokens=40, agreeing=2),
        ArmTally("strong", drawn=1, undecided=1, tokens=9, agreeing=1),
        ArmTally("unused"),
    )
