"""Preference pairs: a correct against an incorrect completion of one problem, as `prompt`, `chosen`, `rejected`.

The form is TRL's conversational one (lists of turns), or its plain-text one with form="text". `undecided` answers are never
part of a pair; `unparsed` only on request. Also the two stages of REDI, and what pairs by score (ranked_pairs.py) share
with these. Knows nothing of files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from itertools import groupby, islice
from math import inf, lcm
from typing import Any

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.storage.exports.chat_rows import ABOUT_THE_PROBLEM, JUDGED, SCORES, RolloutTexts, columns_of, judged_by
from rollmill.storage.exports.origin import ORIGIN, SPANS, origin_of
from rollmill.storage.exports.preferences.step_pairs import Steps, changed_spans, on_one_thread, steps_of_version
from rollmill.storage.exports.write import Row

_COLUMNS: list[tuple[str, pa.DataType]] = [
    *columns_of(pa.string(), "id", "problem_id", "chosen_id", "rejected_id", "chosen_outcome", "rejected_outcome"),
    ("chosen_kept", pa.bool_()),
    *columns_of(pa.string(), "chosen_model", "rejected_model", "verifier"),
    *ABOUT_THE_PROBLEM,
    *((f"{side}_{name}", kind) for side in ("chosen", "rejected") for name, kind in ORIGIN),
]
_PROVENANCE = pa.schema(_COLUMNS)
UNEQUAL = "pairs of unequal length"
NOT_KEPT = "correct completions that were not kept"


@dataclass
class PairRows(RolloutTexts):
    """Common options of the pair formats: the form of the texts, and the allowed difference in length.

    `unparsed`: a completion without an answer may be rejected. `scores`: add the scores of both sides.
    `length_ratio`: the longer by the shorter in tokens, or in characters if tokens are unknown; 0 for any.
    """

    _: KW_ONLY
    unparsed: bool = False
    scores: bool = False
    length_ratio: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.length_ratio != 0 and not 1 <= self.length_ratio < inf:
            raise SetupError(f"length_ratio is {self.length_ratio}; it must be 1 (equal lengths) or more, or 0 for any.")

    @property
    def schema(self) -> pa.Schema:
        """The columns of a pair."""
        sides = [(name, self.turns) for name in ("prompt", "chosen", "rejected")]
        added = [(f"{side}_scores", SCORES) for side in ("chosen", "rejected")] if self.scores else []
        return pa.schema([*sides, *_PROVENANCE, *added])

    @property
    def rejectable(self) -> tuple[str, ...]:
        """The outcomes allowed for a rejected completion."""
        return ("incorrect", "unparsed") if self.unparsed else ("incorrect",)

    def by_problem(self, connection: duckdb.DuckDBPyConnection, *, scores: bool) -> Iterator[list[Row]]:
        """The judged rollouts, problem by problem."""
        stored = self.rollouts(connection, JUDGED, scores=scores or self.scores)
        for _, members in groupby(stored, key=lambda rollout: rollout["problem_id"]):
            yield list(members)

    def fits(self, chosen: Row, rejected: Row) -> bool:
        """True for completions of similar length; other pairs are counted."""
        if not self.length_ratio:
            return True
        lengths = [chosen["tokens_out"], rejected["tokens_out"]]
        if None in lengths:
            # Both in characters: tokens of one side and characters of the other do not compare.
            lengths = [len(chosen["text"]), len(rejected["text"])]
        # Multiplied, not divided: a completion may have no token.
        fits = max(lengths) <= self.length_ratio * min(lengths)
        self.left_out[UNEQUAL] += not fits
        return bool(fits)

    def row_of(self, chosen: Row, rejected: Row) -> Row:
        """The row of a pair."""
        return {
            **{name: chosen[name] for name in _PROVENANCE.names if name in chosen},
            "prompt": self.asked(chosen),
            "chosen": self.answer(chosen),
            "rejected": self.answer(rejected),
            "id": digest128(["pair", chosen["problem_id"], chosen["completion_id"], rejected["completion_id"]]),
            "chosen_id": chosen["completion_id"],
            "rejected_id": rejected["completion_id"],
            "chosen_outcome": chosen["outcome"],
            "rejected_outcome": rejected["outcome"],
            "chosen_kept": chosen["kept"],
            "chosen_model": chosen["model"],
            "rejected_model": rejected["model"],
            "verifier": judged_by(chosen),
            **origin_of(chosen, "chosen_"),
            **origin_of(rejected, "rejected_"),
            **({"chosen_scores": chosen["scores"], "rejected_scores": rejected["scores"]} if self.scores else {}),
        }


@dataclass
class Pairs(PairRows):
    """Pairs of one problem, each side used evenly; kept completions are chosen first.

    `max_pairs`: most pairs of one problem, 0 for all. `kept_only`: choose only kept completions.
    `pair`: two steps, `solve:error`: correct completions of the first against rejectable ones of the second, of which one
    rests on the other. `spans`: add which characters of each side the other has otherwise.
    """

    max_pairs: int = 4
    _: KW_ONLY
    kept_only: bool = False
    pair: str = ""
    spans: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_pairs < 0:
            raise SetupError(f"max_pairs is {self.max_pairs}; it must be 0 (all pairs) or more.")
        if self.spans and not self.pair:
            raise SetupError("spans are of pairs across steps.", next_command="--set pair=solve:error --set spans=true")

    @property
    def schema(self) -> pa.Schema:
        """The columns of a pair; with the spans of both sides on request."""
        spans = [(f"{side}_spans", SPANS) for side in ("chosen", "rejected")] if self.spans else []
        return pa.schema([*super().schema, *spans])

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The pairs by problem id; within a problem in the order of `matched`, across steps in that of the chosen ones."""
        self.left_out.clear()
        if self.pair:
            yield from self._across(connection)
            return
        for right, wrong in self.sides(connection):
            # The bound is on pairs that fit, so all are matched and the bound is applied afterwards.
            pairs = ((chosen, rejected) for chosen, rejected in matched(right, wrong, 0) if self.fits(chosen, rejected))
            for chosen, rejected in islice(pairs, self.max_pairs or None):
                yield self.row_of(chosen, rejected)

    def _across(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Pairs of two steps on one thread."""
        steps = Steps.of(self.pair, steps_of_version(connection))
        for problem in self.problems(connection, scores=self.scores):
            near = ((right, wrong) for right, wrong in on_one_thread(problem, steps) if self._meet(right, wrong))
            for chosen, rejected in islice(near, self.max_pairs or None):
                row = self.row_of(chosen, rejected)
                yield row | (self._spans(chosen, rejected) if self.spans else {})

    def _meet(self, right: Row, wrong: Row) -> bool:
        # Naming two steps requests them, whatever labels they saw.
        usable = self.may_use(right, named=True) and self.may_use(wrong, named=True)
        may = right["outcome"] == "correct" and (right["kept"] or not self.kept_only)
        return usable and may and wrong["outcome"] in self.rejectable and self.fits(right, wrong)

    def _spans(self, chosen: Row, rejected: Row) -> Row:
        # Either step may rest on the other: a repair on its error, a planted error on the solution.
        earlier, later = (rejected, chosen) if rejected["completion_id"] in chosen["after"].split() else (chosen, rejected)
        spans = changed_spans(earlier, later, follows=later["after"] == earlier["completion_id"])
        mine = spans if earlier is chosen else spans[::-1]
        return {"chosen_spans": mine[0], "rejected_spans": mine[1]}

    def sides(self, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[list[Row], list[Row]]]:
        """Candidates for chosen and for rejected, problem by problem: kept ones first, then by sample index."""
        for members in self.by_problem(connection, scores=False):
            correct = [rollout for rollout in members if rollout["outcome"] == "correct"]
            right = [rollout for rollout in correct if rollout["kept"] or not self.kept_only]
            self.left_out[NOT_KEPT] += len(correct) - len(right)
            wrong = [rollout for rollout in members if rollout["outcome"] in self.rejectable]
            right.sort(key=lambda rollout: not rollout["kept"])  # stable
            yield distinct(right), distinct(wrong)


@dataclass
class Redi(Pairs):
    """Reinforcement distillation (REDI, Xu et al. 2025) in two stages, each a file of its own.

    `stage`: 1 for supervised fine-tuning, 2 for the objective over both. Stage 1: the first correct completion of every
    problem that has one, as `prompt` and `completion`. Stage 2: that completion with the first incorrect one, a pair a
    problem.
    """

    # Fixed by the method, so no option of a command.
    max_pairs: int = field(init=False, default=1)
    _: KW_ONLY
    pair: str = field(init=False, default="")
    spans: bool = field(init=False, default=False)
    stage: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stage not in (1, 2):
            raise SetupError(f"stage is {self.stage}.", choices=("1", "2"))

    @property
    def schema(self) -> pa.Schema:
        """In stage 1 `prompt` and `completion`, in stage 2 the columns of a pair."""
        if self.stage == 2:
            return super().schema
        provenance = [field for field in _PROVENANCE if not field.name.startswith(("chosen_", "rejected_"))]
        return pa.schema([("prompt", self.turns), ("completion", self.turns), *provenance, ("model", pa.string()), *ORIGIN])

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """A row per problem, by problem id."""
        if self.stage == 2:
            yield from super().rows(connection)
            return
        self.left_out.clear()
        for right, _ in self.sides(connection):
            for first in right[:1]:
                texts = {"prompt": self.asked(first), "completion": self.answer(first), "id": first["completion_id"]}
                yield first | texts | {"verifier": judged_by(first)}


def matched(
    right: Sequence[dict[str, Any]], wrong: Sequence[dict[str, Any]], limit: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of two lists, each pair once, with all members used as evenly as possible; `limit` 0 gives all.

    Walks the grid diagonally: the k-th pair is (k mod R, k mod W), shifted by one each time both cycles close together.
    """
    total = len(right) * len(wrong)
    if not total:
        return
    cycle = lcm(len(right), len(wrong))
    for step in range(total if limit == 0 else min(limit, total)):
        yield right[step % len(right)], wrong[(step + step // cycle) % len(wrong)]


def distinct(members: Sequence[Row]) -> list[Row]:
    """The first of each text: equal texts would make equal pairs."""
    first: dict[tuple[str, str | None], dict[str, Any]] = {}
    for member in members:
        # With the turns: answers by tools may end in the same text after other steps.
        first.setdefault((member["text"], member["messages"]), member)
    return list(first.values())
