"""Soft labels of the pieces of a search: each with the share of correct ones among the finished answers below it.

The labels of MedS^3 (Jiang et al. 2025, arXiv:2501.12051) for a reward model of steps, in the columns of `process_labels`.
Pieces of equal text that continue one text are one row. Answers that a search wrote anew are no continuation of those that
they rewrite.
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import groupby

import duckdb

from rollmill.ground.errors import SetupError
from rollmill.storage.exports.chat_rows import RolloutTexts
from rollmill.storage.exports.origin import origin_of
from rollmill.storage.exports.process_labels import ProcessLabels
from rollmill.storage.exports.searches.search_trees import NO_SEARCH, pieces_of
from rollmill.storage.exports.write import Row

UNANSWERED = "pieces with too few judged answers below"


@dataclass
class PieceLabels(RolloutTexts):
    """Rows of pieces: `prefix` is the text before, `line` the piece, `label` the share of `correct` among `n` answers.

    `least_n`: the fewest answers below a piece. `hard`: labels 1 for a piece with a correct answer below, else 0.
    """

    _: KW_ONLY
    least_n: int = 1
    hard: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.least_n < 1:
            raise SetupError(f"least_n is {self.least_n}; it must be 1 or more.")

    schema = ProcessLabels.schema

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id, length of the text so far, text, and piece; SetupError for a version without a search."""
        self.left_out.clear()
        some = False
        for problem in self.problems(connection):
            all_pieces = pieces_of(problem, continued=True)
            some = some or bool(all_pieces)
            usable = [piece for piece in all_pieces if self.may_use(piece.row)]
            ordered = sorted(usable, key=lambda piece: (len(piece.given), piece.given, piece.own))
            for (given, own), group in groupby(ordered, key=lambda piece: (piece.given, piece.own)):
                alike = list(group)
                n, correct = sum(piece.answers for piece in alike), sum(piece.correct for piece in alike)
                if n < self.least_n:
                    self.left_out[UNANSWERED] += len(alike)
                    continue
                row, depth = alike[0].row, alike[0].depth
                yield {
                    **row,
                    **origin_of(row),
                    "prompt": self.asked(row),
                    "prefix": given,
                    "line": own,
                    "number": depth,
                    "lines": None,
                    "label": float(correct > 0) if self.hard else correct / n,
                    "n": n,
                    "correct": correct,
                    "labelled_by": "search",
                    "id": row["completion_id"],
                    "outcome": None,
                    "verifier": None,
                }
        if not some:
            raise SetupError(NO_SEARCH, next_command="budget: {method: search}")
