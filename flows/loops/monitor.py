"""Measures of a round on problems never trained on, and the reasons to stop a loop."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rollmill.flows.loops.answers import ModelAnswers
from rollmill.flows.loops.loop_recipe import LoopStop
from rollmill.flows.trials.comparison import difference_row
from rollmill.flows.trials.students import StudentCounts
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.stats import population_mean
from rollmill.stats.trials.counts import pass_at_k_cells, pass_at_k_difference
from rollmill.stats.trials.two_way import two_way

Row = dict[str, Any]
DISTINCT = "mean difference in distinct right solutions of problems that both models solve"


def measured(counts: StudentCounts, number: int, alpha: float, answers: Sequence[ModelAnswers] = ()) -> Row:
    """pass@1 and pass@k of a round's model, and their changes since the round before and since round 0. k is the number of
    samples.

    Intervals of changes have confidence 1 - alpha. They are over problems, so they hold for these trained models only.
    `answers`: answers of all models so far, from which distinct solutions, copies, entropy and length are computed.
    """
    name = f"r{number}"
    # The largest number, not the least: one undecided completion of one problem must not lower k for all.
    most = int(np.asarray(counts.arms[name].judged).max())
    drawn = counts.with_draws(most)
    if not drawn.problems:
        most, drawn = 1, counts  # no problem has so many under every model
    row: Row = {"k": most, "problems": len(counts.problems), "tokens": counts.tokens[name]}
    for key, k, of in (("pass@1", 1, counts), ("pass@k", most, drawn)):
        value = population_mean(pass_at_k_cells(of.arms[name], k)[0].tolist(), of.clusters)
        assert value is not None  # there are problems
        row |= {key: value.value, f"{key} low": value.low, f"{key} high": value.high}
        for label, other in (("before", number - 1), ("base", 0)):
            if number:
                change = pass_at_k_difference(of.arms[f"r{other}"], of.arms[name], k, of.clusters, confidence=1 - alpha)
                assert change is not None
                row[f"{key} since {label}"] = difference_row(change)
    if answers:
        row |= answers[number].row()
        if number:
            row["distinct since before"] = _fewer(counts, answers[number - 1], answers[number], alpha)
    return row


def _fewer(counts: StudentCounts, before: ModelAnswers, after: ModelAnswers, alpha: float) -> Row | None:
    """The change in distinct right solutions of a problem, over the problems that both models solve; None without any."""
    both = [
        at
        for at, problem in enumerate(counts.problems)
        if before.distinct.get(problem) is not None and after.distinct.get(problem) is not None
    ]
    if not both:
        return None
    problems = counts.at(both)
    changes = [[float(after.distinct[key] - before.distinct[key]) for key in problems.problems]]
    change = two_way(changes, problems.clusters, bounded=False, confidence=1 - alpha, estimand=DISTINCT)
    # Values without bounds and without spread have no interval.
    return None if change is None or not np.isfinite(change.change.high) else difference_row(change)


def falls(row: Mapping[str, Any]) -> list[str]:
    """Measures that fell since the round before, with its interval below 0, while pass@1 did not fall; with figures."""
    # A model that answers worse gives fewer answers as well, and that is no collapse.
    if row["pass@1 since before"]["high"] < 0.0:
        return []
    shown = {f"pass@{row['k']}": row["pass@k since before"], "distinct solutions": row.get("distinct since before")}
    return [
        f"{what} by {with_interval(-change['difference'], -change['high'], -change['low'])}"
        for what, change in shown.items()
        if change is not None and change["high"] < 0.0
    ]


def alarms(rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    """Warnings of the rounds: answers that become fewer while accuracy does not fall."""
    return [
        f"round {row['round']}: {' and '.join(falls(row))} fell while pass@1 did not: the answers become fewer (collapse)"
        for row in rounds
        if falls(row)
    ]


def stop_reason(rounds: Sequence[Mapping[str, Any]], stop: LoopStop) -> str | None:
    """The reason to stop after these rounds, with its figures; None to go on."""
    last = rounds[-1]
    if stop.collapse is not None and len(rounds) >= stop.collapse:
        fallen = [falls(row) for row in rounds[-stop.collapse :]]
        if all(fallen):
            figures = "; ".join(" and ".join(part) for part in fallen)
            return (
                f"collapse: answers became fewer in {stop.collapse} rounds in a row while pass@1 did not fall ({figures})"
            )
    precision = last.get("precision")
    # The lower bound: few audited rows stop the loop rather than let a hacked verifier go on.
    if stop.precision is not None and precision is not None and precision["low"] < stop.precision:
        return (
            f"hacked: {precision['value']:.3f} of {precision['rows']:,} kept rows are right by the audit, at least "
            f"{precision['low']:.3f}, and {stop.precision} is the least that goes on"
        )
    gain = last["pass@1 since before"]["difference"]
    if stop.gain is not None and gain < stop.gain:
        return f"gain: pass@1 changed by {gain:+.3f}, and {stop.gain} is the least that goes on"
    kept = last.get("yield")
    if stop.least_yield is not None and kept is not None and kept < stop.least_yield:
        return f"yield: {kept:.3f} of the drawn tokens are kept, and {stop.least_yield} is the least that goes on"
    return _spent(rounds, stop)


def _spent(rounds: Sequence[Mapping[str, Any]], stop: LoopStop) -> str | None:
    for key, most in stop.limit.model_dump().items():
        spent = sum(row.get(key, 0) for row in rounds)
        if most is not None and spent >= most:
            return f"limit: {spent:,} {key.replace('_', ' ')} are spent, of {most:,}"
    return None
