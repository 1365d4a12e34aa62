"""Preference pairs by a stored score, from easy to hard if tiers are requested (Curry-DPO, Pattnaik et al. 2024).

A problem's completions are ranked: correct before others, then by score, equal ones in an order that `seed` and their ids
draw. A pair is a higher against a lower one whose score is less by at least the margin; a pair in which score and verdict
disagree is left out and counted. Tier 1 has the largest gaps and is read first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from math import inf
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.storage.exports.preferences.pairs import PairRows, distinct
from rollmill.storage.exports.write import Row

DISAGREE = "pairs in which score and verdict disagree"
WRONG_CHOSEN = "pairs whose chosen completion is wrong (wrong_chosen=true takes them)"
UNSCORED = "completions without the score"


class RankedPair(NamedTuple):
    """A pair and the difference of its scores."""

    gap: float
    chosen: Row
    rejected: Row


@dataclass
class RankedPairs(PairRows):
    """Pairs by a stored score. `score`: a stored scorer, or `scorer@version`. `margin`: the least gap; equal scores form no
    pair. `wrong_chosen`: of two wrong completions the better scored one may be chosen.

    `blind`: rank by the score alone, whatever the verdicts: for scores that see no label.

    `max_pairs`: most pairs of a problem, 0 for all. `tiers`: 0 takes the largest gaps first, K the best completion against
    up to K others, spread evenly over the gaps, tier by tier. `seed`: decides between equal gaps.
    """

    score: str = ""
    _: KW_ONLY
    margin: float = 0.0
    wrong_chosen: bool = False
    blind: bool = False
    max_pairs: int = 4
    tiers: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.margin < inf:
            raise SetupError(f"margin is {self.margin}; it must be 0 or more.")
        for name in ("max_pairs", "tiers"):
            if getattr(self, name) < 0:
                raise SetupError(f"{name} is {getattr(self, name)}; it must be 0 or more.")

    @property
    def schema(self) -> pa.Schema:
        """Columns of a pair, with its gap and, with tiers, its tier."""
        added = [("gap", pa.float64()), *([("tier", pa.int64())] if self.tiers else [])]
        return pa.schema([*super().schema, *added])

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Pairs by tier and problem id; without tiers by problem id, then from the largest gap."""
        # A pass for each tier: the file is sorted by tier, and the pairs of all problems are not kept.
        for tier in range(1, self.tiers + 1) if self.tiers else (0,):
            self.left_out.clear()  # each tier goes through all problems
            known: set[str] = set()
            scored = False
            for stored in self.by_problem(connection, scores=True):
                known |= {score["scorer"] for rollout in stored for score in rollout["scores"]}
                members = [rollout for rollout in distinct(stored) if self._ranks(rollout)]
                values = self._values(members)
                scored = scored or bool(values)
                ranked = self._ranked([rollout for rollout in members if rollout["completion_id"] in values], values)
                for pair in self._tier(ranked, tier) if tier else ranked[: self.max_pairs or None]:
                    yield self.row_of(pair.chosen, pair.rejected) | {"gap": pair.gap, "tier": tier}
            if not scored:
                raise self._no_scores(known)

    def _values(self, members: Sequence[Row]) -> dict[str, float]:
        """The score of each completion that has one; SetupError if the name fits several versions."""
        values: dict[str, float] = {}
        for member in members:
            mine = {
                f"{score['scorer']}@{score['version']}": score["value"]
                for score in member["scores"]
                if self.score in (score["scorer"], f"{score['scorer']}@{score['version']}")
            }
            if len(mine) > 1:
                raise SetupError(
                    f"score {self.score!r} is stored in several versions.",
                    choices=sorted(mine),
                    next_command=f"--set score={max(mine)}",
                )
            for value in mine.values():
                values[member["completion_id"]] = value
        self.left_out[UNSCORED] += len(members) - len(values)
        return values

    def _ranks(self, rollout: Row) -> bool:
        """True for a rollout that may be of a pair."""
        return self.blind or rollout["outcome"] in ("correct", *self.rejectable)

    def _ranked(self, members: Sequence[Row], values: dict[str, float]) -> list[RankedPair]:
        """The pairs of a problem from the largest gap to the smallest."""
        # By hash: a further completion does not change the order of the others.
        ties = {rollout["completion_id"]: digest128(["tie", self.seed, rollout["completion_id"]]) for rollout in members}

        def rank(rollout: Row) -> tuple[Any, ...]:
            # False sorts before True: correct completions come first.
            wrong = not self.blind and rollout["outcome"] != "correct"
            return wrong, -values[rollout["completion_id"]], ties[rollout["completion_id"]]

        order = sorted(members, key=rank)
        pairs = []
        for place, chosen in enumerate(order[:1] if self.tiers else order):
            for rejected in order[place + 1 :]:
                gap = values[chosen["completion_id"]] - values[rejected["completion_id"]]
                # The order puts correct ones first, so a negative gap is a right answer with the lower score.
                self.left_out[DISAGREE] += gap < 0
                # Rounded, or .3 - .1 would miss a margin of .2.
                if gap <= 0 or round(gap, 12) < self.margin or not self.fits(chosen, rejected):
                    continue
                if chosen["outcome"] == "correct" or self.wrong_chosen or self.blind:
                    pairs.append(RankedPair(gap, chosen, rejected))
                else:
                    self.left_out[WRONG_CHOSEN] += 1
        return sorted(
            pairs,
            key=lambda pair: (-pair.gap, ties[pair.chosen["completion_id"]], ties[pair.rejected["completion_id"]]),
        )

    def _tier(self, ranked: Sequence[RankedPair], tier: int) -> list[RankedPair]:
        """The pair of a problem for a tier; a problem with fewer pairs than tiers has none in the last tiers."""
        count = min(self.tiers, len(ranked))
        if tier > count:
            return []
        # Tier 1 is the largest gap and the last tier the smallest; with a single tier nothing is spread.
        return [ranked[(tier - 1) * (len(ranked) - 1) // max(1, count - 1)]]

    def _no_scores(self, known: set[str]) -> SetupError:
        if known:
            return unknown_name("score", self.score, known, next_command="--set score=NAME")
        return SetupError(
            f"score is {self.score!r}, and no scores are stored.", next_command="rollmill score RUN --with NAME"
        )
