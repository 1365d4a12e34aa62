"""Pairs of a search over whole answers: a rewriting, and the answer that it refines (SPaR, Cheng et al. 2024,
arXiv:2412.11605).

The pair differs only where the answer fell short, so a gate keeps those with few edits whose verdicts flip: the rewriting
is correct and the answer is not.
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from difflib import SequenceMatcher

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import PIECES
from rollmill.ground.records import JUDGED
from rollmill.storage.exports.chat_rows import ABOUT_THE_PROBLEM, RolloutTexts, columns_of
from rollmill.storage.exports.origin import ORIGIN, origin_of
from rollmill.storage.exports.searches.search_trees import ANSWER, DIRECTION, REWRITTEN
from rollmill.storage.exports.thread_rows import ProblemThreads
from rollmill.storage.exports.write import Row

NO_FLIP = "rewritings whose verdict is not better than that of their answer"
FAR = "rewritings with too many edits"


@dataclass
class RewritePairs(RolloutTexts):
    """Rows of rewritings: `chosen` is the rewriting, `rejected` the first answer of its tree, `edits` the share of words
    that differ, from 0 to 1, `level` how often the answer was rewritten.

    `most_edits`: the greatest share of edits. `flip`: keep only pairs of a correct rewriting and an incorrect answer.
    """

    _: KW_ONLY
    most_edits: float = 1.0
    flip: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.most_edits <= 1:
            raise SetupError(f"most_edits is {self.most_edits}; it must be from 0 to 1.")

    @property
    def schema(self) -> pa.Schema:
        """Both texts, their edit distance, their outcomes."""
        return pa.schema(
            [
                ("prompt", self.turns),
                *columns_of(pa.string(), "chosen", "rejected", "chosen_outcome", "rejected_outcome"),
                ("edits", pa.float64()),
                ("level", pa.int64()),
                *columns_of(pa.string(), "id", "problem_id"),
                *ABOUT_THE_PROBLEM,
                ("model", pa.string()),
                *ORIGIN,
            ]
        )

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id and the order of the rewritings; SetupError for a version without one."""
        self.left_out.clear()
        some = False
        for problem in self.problems(connection):
            outcomes = _outcomes(problem)
            for cid, row in problem.rows.items():
                if row["step"] != REWRITTEN or cid not in outcomes:
                    continue
                # Set before the filters: a version whose pairs are all left out is no mistake of the user.
                some = True
                first, level = _first_answer(problem, cid)
                # A pair names the outcomes of both sides, so the first answer must be judged too.
                if first not in outcomes or not self.may_use(row):
                    continue
                if self.flip and (outcomes[cid] != "correct" or outcomes[first] == "correct"):
                    self.left_out[NO_FLIP] += 1
                    continue
                # Last of the filters, as comparing the words takes longest.
                edits = edit_share(str(problem.rows[first]["text"]), str(row["text"]))
                if edits > self.most_edits:
                    self.left_out[FAR] += 1
                    continue
                yield {
                    **row,
                    **origin_of(row),
                    "prompt": self.asked(problem.rows[first]),
                    "chosen": row["text"],
                    "rejected": problem.rows[first]["text"],
                    "chosen_outcome": outcomes[cid],
                    "rejected_outcome": outcomes[first],
                    "edits": edits,
                    "level": level,
                    "id": f"{cid}-{first}",
                }
        if not some:
            raise SetupError(
                "this version has no rewritten answers of a search.", next_command="--set budget.options.policy=refinement"
            )


def _outcomes(problem: ProblemThreads) -> dict[str, str]:
    """The judged outcomes of finished nodes."""
    return {
        problem.turns[cid].after[0]: row["outcome"]
        for cid, row in problem.rows.items()
        if row["step"] == ANSWER and row["outcome"] in JUDGED and problem.turns[cid].after
    }


def _first_answer(problem: ProblemThreads, cid: str) -> tuple[str, int]:
    """The answer from which a chain of rewritings began, and the number of rewritings."""
    level = 0
    while problem.rows[cid]["step"] in (REWRITTEN, DIRECTION):
        level += problem.rows[cid]["step"] == REWRITTEN
        before = [parent for parent in problem.turns[cid].after if problem.rows[parent]["step"] in PIECES]
        if not before:
            break
        cid = before[0]
    return cid, level


def edit_share(first: str, second: str) -> float:
    """Share of words to insert, delete or replace: 1 - the ratio of matching words of both texts."""
    # autojunk would begin no match at a word that is more than 1% of a text of 200 words or more.
    return 1.0 - SequenceMatcher(None, first.split(), second.split(), autojunk=False).ratio()
