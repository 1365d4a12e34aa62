"""Rows of a round's training: the band, the weights of the round policies, and the share of real data."""

from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.flows.loops.loaded_loop import LoadedLoop, RoundState
from rollmill.flows.training.training_data import RowRule, TrainingRowsFile, training_rows
from rollmill.pipelines.train.between.difficulty import in_band
from rollmill.pipelines.train.between.roles import RoundPolicy, SeenRound, Weigh
from rollmill.storage.workspace import Workspace

WEIGHT = "weight"
"""Column of the rows' weights, by the round policies; 1 for real data."""


def rule_of(loop: LoadedLoop, policies: Sequence[RoundPolicy], seen: Mapping[str, SeenRound]) -> RowRule | None:
    """Rule for each row by band and policies; None if there are none. `seen`: rounds by dataset version.

    A row of an earlier round is judged by what that round's model could do.
    """
    data = loop.recipe.data
    if data.band is None and not policies:
        return None
    weighs: dict[str, list[Weigh]] = {}
    for version, one in seen.items():
        weighs[version] = [policy.weigh(one) for policy in policies]
        if data.band is not None:
            chances = in_band(one, *data.band)
            weighs[version].append(_within(chances, data.band_chance))

    def rule(version: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
        weight = 1.0
        for weigh in weighs.get(version, ()):
            factor = weigh(row)
            if factor is None:
                return None
            weight *= factor
        return {**row, WEIGHT: weight}

    return rule


def _within(chances: Mapping[str, float], least: float) -> Weigh:
    return lambda row: 1.0 if chances.get(row["problem_id"], 0.0) >= least else None


def round_rows(ws: Workspace, loop: LoadedLoop, state: RoundState, rule: RowRule | None) -> TrainingRowsFile:
    """The rows of a round's training. Shares of real data are of all rows, after what band and policies leave out."""
    real = loop.recipe.data.real
    shares = {version: take for version, take in real.items() if isinstance(take, float)}
    if not shares:
        return training_rows(ws, loop.training_of(state), rule)
    counted = {version: take for version, take in real.items() if version not in shares}
    own = training_rows(ws, loop.training_of(state, counted), rule).rows
    whole = own / (1 - sum(shares.values()))
    taken = {version: max(1, round(whole * share)) for version, share in shares.items()}
    return training_rows(ws, loop.training_of(state, {**counted, **taken}), rule)
