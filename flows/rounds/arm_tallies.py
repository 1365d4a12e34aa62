"""What is known of one problem on each arm, for budgets that route. Reads nothing: outcomes, keys and tokens are given.

Answers are grouped by canonical key and never by pairwise comparison, and the reference is not looked at: an answer that a
verifier could not read, or whose form was cut off, agrees with no other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.protocols import ArmTally
from storage.records import Outcome, PlanRow

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What was read of the rows of a run: outcomes and answer keys by pair, solution keys by completion, tokens by
    (problem, arm); `measure`: the key of the problems' meta that the budget asks for.
    """

    outcomes: Mapping[Pair, Outcome]
    answers: Mapping[Pair, str | None]
    solutions: Mapping[str, str]
    tokens: Mapping[Pair, int]
    measure: str | None = None


def arm_tallies(arms: Sequence[str], problem_id: str, rows: Sequence[PlanRow], known: RowFacts) -> tuple[ArmTally, ...]:
    """One tally per arm in the recipe's order, those on which nothing was drawn too."""
    mine: dict[str, list[PlanRow]] = {arm: [] for arm in arms}
    for row in rows:
        mine[row.arm].append(row)
    return tuple(_tally(arm, members, known, known.tokens.get((problem_id, arm), 0)) for arm, members in mine.items())


def _tally(arm: str, rows: Sequence[PlanRow], known: RowFacts, tokens: int) -> ArmTally:
    pairs = [(row.completion_id, row.problem_id) for row in rows]
    outcomes = Counter(known.outcomes[pair] for pair in pairs)
    solved = {known.solutions.get(cid) for cid, problem in pairs if known.outcomes[cid, problem] == "correct"} - {None}
    answers = Counter(key for pair in pairs if (key := known.answers.get(pair)) is not None)
    return ArmTally(
        name=arm,
        drawn=len(rows),
        correct=outcomes["correct"],
        incorrect=outcomes["incorrect"],
        unparsed=outcomes["unparsed"],
        undecided=outcomes["undecided"],
        distinct=len(solved),
        tokens=tokens,
        agreeing=max(answers.values(), default=0),
    )
