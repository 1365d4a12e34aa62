"""The trees of a search: every piece with its value (`tree`), and pairs of pieces that continue one text (`piece_pairs`).

The value of a piece is the share of correct ones among the finished answers below it, and its Q their mean outcome, of -1
and 1. The search chose which pieces to continue, so with a policy that drops pieces its process doubts these are biased
estimates. The visits N of a piece are the pieces drawn at or below it: 1, and those of its children. Its prior is exp(mean
log-probability of its tokens), or, of an engine that gives none, its share of the pieces that continue the same one.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import groupby
from typing import NamedTuple

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import PIECES
from rollmill.ground.records import JUDGED
from rollmill.storage.exports.chat_rows import ABOUT_THE_PROBLEM, RolloutTexts, columns_of
from rollmill.storage.exports.origin import ORIGIN, origin_of
from rollmill.storage.exports.thread_rows import ProblemThreads
from rollmill.storage.exports.write import Row

REWRITTEN, DIRECTION, ANSWER = "rewritten", "direction", "answer"
NO_SEARCH = "this version has no pieces of a search."
ALONE = "texts that fewer than two pieces with enough answers go on from"
ALIKE = "texts whose pieces do not differ enough in what became of them"


class Piece(NamedTuple):
    """A piece: its row, the piece it continues, its depth from 1, the judged answers below it, and its visits."""

    row: Row
    parent: str
    depth: int
    answers: int
    correct: int
    visits: int

    @property
    def given(self) -> str:
        """The text that it continues."""
        return str(self.row["text"])[: _given(self.row)]

    @property
    def own(self) -> str:
        """Only the drawn text."""
        return str(self.row["text"])[_given(self.row) :]


def _given(row: Row) -> int:
    return int(json.loads(row["meta"] or "{}").get("prefix", 0))


def pieces_of(problem: ProblemThreads, *, continued: bool = False) -> list[Piece]:
    """The pieces of a problem's tree: roots first, then by depth, sample index and id.

    `continued`: below a piece is only what continues its text: directions are no pieces, and a rewriting is a root.
    """
    anew = (DIRECTION, REWRITTEN) if continued else ()
    # Directions are the first of `anew`; the second, a rewriting, stays and begins a tree.
    rows = {cid: row for cid, row in problem.rows.items() if row["step"] in PIECES and row["step"] not in anew[:1]}
    before = {cid: () if row["step"] in anew else problem.turns[cid].after for cid, row in rows.items()}
    parents = {cid: next((parent for parent in after if parent in rows), "") for cid, after in before.items()}
    answers, correct = dict.fromkeys(rows, 0), dict.fromkeys(rows, 0)
    visits = Counter(ancestor for cid in rows for ancestor in _path(parents, cid))
    for cid, row in problem.rows.items():
        after = problem.turns[cid].after
        if row["step"] != ANSWER or row["outcome"] not in JUDGED or not after or after[0] not in rows:
            continue
        for ancestor in _path(parents, after[0]):
            answers[ancestor] += 1
            correct[ancestor] += row["outcome"] == "correct"
    pieces = [
        Piece(row, parents[cid], len(_path(parents, cid)), answers[cid], correct[cid], visits[cid])
        for cid, row in rows.items()
    ]
    # The sort is stable: within a depth the order of sample indices and ids stays.
    return sorted(pieces, key=lambda piece: piece.depth)


def _path(parents: dict[str, str], cid: str) -> list[str]:
    """A piece and its ancestors."""
    path = []
    while cid:
        path.append(cid)
        cid = parents[cid]
    return path


@dataclass
class SearchTree(RolloutTexts):
    """Rows of pieces, dead ends included. Column `answers`: number of answers below a piece; `correct`: number of correct
    ones; `value`: their share; `q`: mean outcome, None without answers. Column `best`: True on the path to the kept answer,
    the first if there are several.
    """

    @property
    def schema(self) -> pa.Schema:
        """The piece, its place in the tree, its value."""
        return pa.schema(
            [
                ("prompt", self.turns),
                *columns_of(pa.string(), "problem_id", "id", "parent"),
                ("depth", pa.int64()),
                *columns_of(pa.string(), "given", "piece"),
                ("tokens_out", pa.int64()),
                ("finished", pa.bool_()),
                *columns_of(pa.int64(), "answers", "correct"),
                *columns_of(pa.float64(), "value", "q"),
                ("visits", pa.int64()),
                ("prior", pa.float64()),
                ("best", pa.bool_()),
                *ABOUT_THE_PROBLEM,
                ("model", pa.string()),
                *ORIGIN,
            ]
        )

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id, depth, sample index and id; SetupError for a version without a search."""
        self.left_out.clear()
        some = False
        for problem in self.problems(connection, columns=("logprob_sum",)):
            pieces = pieces_of(problem)
            alike = Counter((piece.parent, piece.own) for piece in pieces)
            siblings = Counter(piece.parent for piece in pieces)
            some = some or bool(pieces)
            finished = {row["completion_id"]: problem.turns[row["completion_id"]].after[0] for row in _answers(problem)}
            kept = next((finished[row["completion_id"]] for row in _answers(problem) if row["kept"]), "")
            best = set(_path({piece.row["completion_id"]: piece.parent for piece in pieces}, kept))
            for piece in pieces:
                cid = piece.row["completion_id"]
                yield {
                    **piece.row,
                    **origin_of(piece.row),
                    "prompt": self.asked(piece.row),
                    "id": cid,
                    "parent": piece.parent or None,
                    "depth": piece.depth,
                    "given": piece.given,
                    "piece": piece.own,
                    "finished": cid in finished.values(),
                    "answers": piece.answers,
                    "correct": piece.correct,
                    "value": piece.correct / piece.answers if piece.answers else None,
                    "q": 2 * piece.correct / piece.answers - 1 if piece.answers else None,
                    "visits": piece.visits,
                    "prior": _prior(piece.row, alike[piece.parent, piece.own] / siblings[piece.parent]),
                    "best": cid in best,
                }
        if not some:
            raise SetupError(NO_SEARCH, next_command="budget: {method: search}")


def _prior(row: Row, share: float) -> float:
    """Geometric mean of the probabilities of a piece's tokens; the share if there are none."""
    logprob, tokens = row["logprob_sum"], row["tokens_out"]
    # A sum of rounded log-probabilities may end a little above 0.
    return share if logprob is None or not tokens else math.exp(min(0.0, logprob / tokens))


def _answers(problem: ProblemThreads) -> list[Row]:
    """The finished answers of the search."""
    return [row for cid, row in problem.rows.items() if row["step"] == ANSWER and len(problem.turns[cid].after) == 1]


@dataclass
class PiecePairs(RolloutTexts):
    """Rows of texts that several pieces continue: the piece of the highest value and that of the lowest. Pieces of equal
    text are one. `weight`: N(chosen) / (N(chosen) + N(rejected)) of their visits N, at least one half; 1 - weight is the
    label smoothing of Xie et al. 2024 (arXiv:2405.00451). A rewriting begins an answer of its own, as for `piece_labels`.

    `gap`: the least difference of the two values. `least_n`: the fewest answers of each piece.
    """

    _: KW_ONLY
    gap: float = 0.5
    least_n: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.gap <= 1 or self.least_n < 1:
            raise SetupError(
                f"gap is {self.gap} and least_n {self.least_n}; gap must be above 0 and at most 1, least_n at least 1."
            )

    @property
    def schema(self) -> pa.Schema:
        """The text so far, both pieces, their values."""
        return pa.schema(
            [
                ("prompt", self.turns),
                *columns_of(pa.string(), "prefix", "chosen", "rejected"),
                *columns_of(pa.float64(), "chosen_value", "rejected_value"),
                *columns_of(pa.int64(), "chosen_answers", "rejected_answers", "chosen_visits", "rejected_visits"),
                ("weight", pa.float64()),
                *columns_of(pa.string(), "id", "problem_id"),
                *ABOUT_THE_PROBLEM,
                ("model", pa.string()),
                *ORIGIN,
            ]
        )

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id, length of the text so far, and that text; SetupError for a version without a search."""
        self.left_out.clear()
        some = False
        for problem in self.problems(connection):
            all_pieces = pieces_of(problem, continued=True)
            some = some or bool(all_pieces)
            usable = [piece for piece in all_pieces if self.may_use(piece.row)]
            # By the text, not by the parent: equal texts that were drawn twice are one state of the search.
            pieces = sorted(usable, key=lambda piece: (len(piece.given), piece.given, piece.own))
            for given, siblings in groupby(pieces, key=lambda piece: piece.given):
                values = self._values(list(siblings))
                if len(values) < 2:
                    self.left_out[ALONE] += 1
                    continue
                high, low = max(values, key=lambda piece: piece.value), min(values, key=lambda piece: piece.value)
                if high.value - low.value < self.gap:
                    self.left_out[ALIKE] += 1
                    continue
                yield {
                    **high.row,
                    **origin_of(high.row),
                    "prompt": self.asked(high.row),
                    "prefix": given,
                    "chosen": high.text,
                    "rejected": low.text,
                    "chosen_value": high.value,
                    "rejected_value": low.value,
                    "chosen_answers": high.answers,
                    "rejected_answers": low.answers,
                    "chosen_visits": high.visits,
                    "rejected_visits": low.visits,
                    "weight": max(0.5, high.visits / (high.visits + low.visits)),
                    "id": f"{high.row['completion_id']}-{low.row['completion_id']}",
                }
        if not some:
            raise SetupError(NO_SEARCH, next_command="budget: {method: search}")

    def _values(self, siblings: list[Piece]) -> "list[_Value]":
        """Pieces that continue one text, equal ones merged, with enough answers below."""
        values = []
        # The caller has sorted by own text, so equal texts are neighbours.
        for text, alike in groupby(siblings, key=lambda piece: piece.own):
            mine = list(alike)
            answers, correct = sum(piece.answers for piece in mine), sum(piece.correct for piece in mine)
            if answers >= self.least_n:  # at least 1, so no share is divided by 0
                values.append(_Value(text, mine[0].row, answers, correct / answers, sum(piece.visits for piece in mine)))
        return values


class _Value(NamedTuple):
    text: str
    row: Row
    answers: int
    value: float
    visits: int
