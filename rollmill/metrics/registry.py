"""Every metric of a pool by its name, and `measure`, which gives its rows: for evaluations, comparisons and notebooks.

A metric is a function of a `Sample` and its needs (a file with the function, a line in METRICS). `measure` cuts the pool
into strata, refuses what docs/explanation/statistics.md does not allow, and states the estimand of each number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollmill.ground.by_name import ByName
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digits
from rollmill.ground.pool import Group, Pool
from rollmill.metrics.contract import check, defined_ks, samples_of
from rollmill.metrics.measures.answer_metrics import ANSWER_METRICS
from rollmill.metrics.measures.score_metrics import SCORE_METRICS
from rollmill.metrics.measures.subset_metrics import SUBSET_METRICS
from rollmill.metrics.measures.token_metrics import TOKEN_METRICS
from rollmill.metrics.measures.vote_metrics import VOTE_METRICS
from rollmill.metrics.sample import Metric, MetricValue, Options, Sample

METRICS: Mapping[str, Metric] = ByName(
    {
        **SUBSET_METRICS,
        **VOTE_METRICS,
        **TOKEN_METRICS,
        **SCORE_METRICS,
        **ANSWER_METRICS,
    }
)


_ABOUT_THE_VALUE = frozenset({
    "metric", "k", "group", "value", "low", "high", "if_wrong", "if_right", "error", "n", "clusters", "estimand", "method",
    "why", "undecided",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A number of one metric in one stratum. `n`: number of averaged units; `clusters`: number of independent ones.

    `value` and its interval are None if it is undefined, and `why` says so, or what else to know of it; an end that
    nothing bounds is infinite.
    `undecided`: rollouts without an answer of the verifier; `if_wrong` and `if_right`: the value if all of them were that.
    `error`: the Monte Carlo standard error where subsets were sampled, else 0.
    """

    metric: str
    setting: Mapping[str, Any]
    group: dict[str, Group]
    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    estimand: str
    method: str
    why: str = ""
    undecided: int = 0
    if_wrong: float | None = None
    if_right: float | None = None
    error: float = 0.0

    def row(self) -> dict[str, Any]:
        """The record as JSON values at twelve digits; null for an end that nothing bounds."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high", "if_wrong", "if_right", "error")}
        rounded = {name: digits(v) if v is not None and math.isfinite(v) else None for name, v in numbers.items()}
        words = {name: getattr(self, name) for name in ("n", "clusters", "estimand", "method", "why", "undecided")}
        return {"metric": self.metric, **dict(self.setting), "group": self.group, **rounded, **words}


def measure(pool: Pool, metric: str, options: Options | None = None, *, by: Sequence[str] = ()) -> list[MetricRow]:
    """A metric over the rollouts of a pool that are in its prefix, in each stratum of up to two columns.

    `by`: of `level`, `skill`, `template`, `source`, what else `pool.strata` has, `model`, `step`. SetupError if the pool
    cannot give it: unequal numbers of completions, fewer than k, several models, no answers, no such score.
    """
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    kind, chosen = METRICS[metric], options or Options()
    if chosen.of == "these problems" and not kind.these:
        raise SetupError(
            f"{metric} has an interval for the population of problems only.",
            choices=[name for name, other in METRICS.items() if other.these],
        )
    rows = []
    for group, sample in samples_of(pool, by, all_draws="stopping" in kind.needs):
        check(sample, kind, chosen)
        rows += _rows(metric, kind, sample, chosen, group)
    return rows


def _rows(metric: str, kind: Metric, sample: Sample, options: Options, group: dict[str, Group]) -> list[MetricRow]:
    undecided = sample.undecided
    # Without undecided rollouts both bounds are the value itself, and measuring them would triple the work.
    sides = [kind.measure(sample.judged_as(name), options) for name in ("incorrect", "correct")] if undecided else [[], []]
    wrong, right = ({_key(value): value.estimate.value for value in side if value.estimate} for side in sides)
    measured_on = sample.rated if "ks" in kind.needs else sample
    measured = _measured(kind, measured_on, options, sides[0])
    left_out = len(sample) - len(measured_on)
    note = f"{left_out} of {len(sample)} problems have undecided rollouts alone and are left out" if left_out else ""
    return [
        MetricRow(
            metric=metric,
            setting=value.setting,
            group=group,
            value=value.estimate.value if value.estimate else None,
            low=value.estimate.low if value.estimate else None,
            high=value.estimate.high if value.estimate else None,
            n=value.estimate.n if value.estimate else len(measured_on),
            clusters=value.estimate.clusters if value.estimate else 0,
            estimand=value.estimate.estimand if value.estimate else "",
            method=value.estimate.method if value.estimate else "",
            why="; ".join(filter(None, (value.why, note))),
            undecided=undecided,
            if_wrong=wrong.get(_key(value)),
            if_right=right.get(_key(value)),
            error=value.error,
        )
        for value in measured
    ]


def _measured(kind: Metric, sample: Sample, options: Options, decided: Sequence[MetricValue]) -> list[MetricValue]:
    """The values of a metric; a k for which undecided rollouts leave some problem too few judged ones has none.

    `decided`: the values if the undecided rollouts were judged.
    """
    defined = defined_ks(sample, options) if kind.each_k else options.ks
    if defined == options.ks:
        return kind.measure(sample, options)
    values = {_key(value): value for value in kind.measure(sample, replace(options, ks=defined))}
    # In the order of `decided`, which has every k: undecided rollouts alone made the others undefined.
    return [values.get(_key(value)) or MetricValue(value.setting, None, _too_few(sample, value)) for value in decided]


def _too_few(sample: Sample, value: MetricValue) -> str:
    short = int((sample.judged < value.setting["k"]).sum())
    return f"undefined for {short} of {len(sample)} problems: undecided verdicts leave them fewer than k judged rollouts"


def _key(measured: MetricValue) -> tuple[tuple[str, Any], ...]:
    """Key that distinguishes the rows of one metric; a bin is identified by its number, not by its scores."""
    # The left-out numbers are measured too, so they differ between a row and its two bounds.
    return tuple(
        (name, value) for name, value in measured.setting.items() if name not in ("noise", "mean_score", "mean_tokens")
    )


def row_label(row: Mapping[str, Any]) -> str:
    """The metric of a row with its setting and group: `pass@8, level 3`. `row`: a MetricRow as JSON values."""
    k, name = row.get("k"), str(row["metric"])
    shown = name.replace("@k", f"@{k}").replace("^k", f"^{k}") if k is not None else name
    settings = [f"{key} {value}" for key, value in row.items() if key not in _ABOUT_THE_VALUE]
    return ", ".join([shown, *settings, *(f"{key} {value}" for key, value in row.get("group", {}).items())])
