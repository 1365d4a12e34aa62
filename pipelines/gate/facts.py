"""The numbers of the report: the funnel, pass rates by level over the fixed prefix, difficulty before and after selection.

Computed from the same rows that the checks saw, so report and dataset cannot disagree. Rates are over the first `prefix`
completions of each problem: what was drawn beyond it depends on earlier outcomes and would bias them.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from pipelines.stats import population_mean, undecided_bounds

_OUTCOMES = ("correct", "incorrect", "unparsed", "undecided")
_JUDGED = ("correct", "incorrect", "unparsed")
_DIGITS = ".12g"


def funnel(tables: Mapping[str, pa.Table], rollouts: pd.DataFrame) -> dict[str, Any]:
    """Counts from problems made to rollouts kept, dropped ones by reason."""
    outcomes = rollouts["outcome"].value_counts()
    kept = rollouts["kept"]
    return {
        "problems": tables["problems"].num_rows,
        "drawn": tables["completions"].num_rows,
        "outcomes": {name: int(outcomes.get(name, 0)) for name in _OUTCOMES},
        "kept": int(kept.sum()),
        "dropped": int((~kept).sum()),
        "kept_problems": int(rollouts.loc[kept, "problem_id"].nunique()),
        "dropped_by_reason": _counted(rollouts.loc[~kept, "reason"]),
    }


def levels(
    tables: Mapping[str, pa.Table], rollouts: pd.DataFrame, prefix: int | None, arm: str = ""
) -> list[dict[str, Any]]:
    """One entry per level, None last: problems, rollouts, pass rate with interval, kept rollouts and their share.

    `arm`: the only one of several arms that rates are over.
    """
    problems = tables["problems"].select(["id", "level", "template"]).to_pandas()
    problems["level"] = problems["level"].astype("Int64")
    problems["cluster"] = problems["template"].where(problems["template"].notna(), problems["id"])
    indices = tables["completions"].select(["id", "sample_index"]).to_pandas()
    frame = rollouts.merge(indices, left_on="completion_id", right_on="id", how="left").drop(columns="id")
    frame = frame.merge(problems, left_on="problem_id", right_on="id", how="left")
    frame["measured"] = (prefix is None) | ((frame["sample_index"] < (prefix or 0)) & (frame["arm"].fillna("") == arm))
    total_kept = int(frame["kept"].sum())
    return [
        _level(level, group, problems[_same_level(problems, level)], total_kept)
        for level, group in _by_level(frame, problems)
    ]


def _level(level: int | None, group: pd.DataFrame, problems: pd.DataFrame, total_kept: int) -> dict[str, Any]:
    measured = group[group["measured"]]
    judged = measured[measured["outcome"].isin(_JUDGED)]
    per_problem = judged.assign(hit=judged["outcome"] == "correct").groupby("problem_id")
    rates = per_problem.agg(rate=("hit", "mean"), cluster=("cluster", "first")).sort_index()
    estimate = population_mean(rates["rate"].tolist(), rates["cluster"].tolist())
    correct, undecided = int((judged["outcome"] == "correct").sum()), len(measured) - len(judged)
    bounds = undecided_bounds(correct, len(judged), undecided)
    kept = int(group["kept"].sum())
    return {
        "level": level,
        "problems": len(problems),
        "rollouts": len(group),
        "measured": len(measured),
        "undecided": undecided,
        "rate": None if estimate is None else _rounded(estimate.value),
        "low": None if estimate is None else _rounded(estimate.low),
        "high": None if estimate is None else _rounded(estimate.high),
        "clusters": 0 if estimate is None else estimate.clusters,
        "method": None if estimate is None else estimate.method,
        "bounds": None if bounds is None else [_rounded(bound) for bound in bounds],
        "kept": kept,
        "kept_share": _rounded(kept / total_kept) if total_kept else None,
    }


def _by_level(frame: pd.DataFrame, problems: pd.DataFrame) -> list[tuple[int | None, pd.DataFrame]]:
    known = sorted(int(level) for level in problems["level"].dropna().unique())
    every: list[int | None] = [*known, *([None] if problems["level"].isna().any() else [])]
    return [(level, frame[_same_level(frame, level)]) for level in every]


def _same_level(frame: pd.DataFrame, level: int | None) -> "pd.Series[bool]":
    missing = frame["level"].isna()
    return missing if level is None else ~missing & (frame["level"] == level).fillna(value=False).astype(bool)


def _counted(values: "pd.Series[str]") -> dict[str, int]:
    counts = values.value_counts()
    return {name: int(counts[name]) for name in sorted(counts.index, key=lambda name: (-int(counts[name]), name))}


def _rounded(value: float) -> float:
    return float(format(value, _DIGITS))
