"""Measures of a round on problems never trained on, and the reasons to stop a loop."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flows.loops.loop_recipe import LoopStop
from flows.trials.comparison import difference_row
from flows.trials.students import StudentCounts
from pipelines.stats.trials.counts import pass_at_k_cells, pass_at_k_difference

Row = dict[str, Any]


def measured(counts: StudentCounts, number: int, alpha: float) -> Row:
    """pass@1 and pass@k of a round's model, and their changes since the round before and since round 0. k: all samples.

    Intervals of changes have confidence 1 - alpha, over problems: they are of these trained models.
    """
    name = f"r{number}"
    most = int(np.asarray(counts.arms[name].judged).max())
    drawn = counts.with_draws(most)
    if not drawn.problems:
        most, drawn = 1, counts
    arm = drawn.arms[name]
    row: Row = {
        "pass@1": float(pass_at_k_cells(counts.arms[name], 1).mean()),
        "k": most,
        "pass@k": float(pass_at_k_cells(arm, most).mean()),
        "problems": len(counts.problems),
        "tokens": counts.tokens[name],
    }
    for label, other in (("before", number - 1), ("base", 0)):
        if number == 0:
            break
        for key, k, of in (("pass@1", 1, counts), ("pass@k", most, drawn)):
            change = pass_at_k_difference(of.arms[f"r{other}"], of.arms[name], k, of.clusters, confidence=1 - alpha)
            assert change is not None  # there are problems
            row[f"{key} since {label}"] = difference_row(change)
    return row


def fell(row: Mapping[str, Any]) -> bool:
    """Whether pass@k fell since the round before, with its interval below 0, while pass@1 did not."""
    return bool(row["pass@k since before"]["high"] < 0.0 <= row["pass@1 since before"]["high"])


def alarms(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warnings of the rounds: coverage that falls while accuracy does not."""
    return [
        f"round {row['round']}: pass@{row['k']} fell by {-row['pass@k since before']['difference']:.3f} while pass@1 did "
        "not: the answers become fewer (collapse)"
        for row in rounds
        if fell(row)
    ]


def stop_reason(rounds: Sequence[Mapping[str, Any]], stop: LoopStop) -> str | None:
    """The reason to stop after these rounds; None to go on."""
    if stop.collapse is not None and len(rounds) >= stop.collapse and all(fell(row) for row in rounds[-stop.collapse :]):
        return f"collapse: pass@{rounds[-1]['k']} fell in {stop.collapse} rounds in a row while pass@1 did not"
    gain = rounds[-1]["pass@1 since before"]["difference"]
    if stop.gain is not None and gain < stop.gain:
        return f"gain: pass@1 changed by {gain:+.4f}, and {stop.gain} is the least that goes on"
    return None
