"""The page of `rollmill audit scorer`: preferences over pairs, and qualities beside those of constant grades."""

from collections.abc import Mapping
from typing import Any

from rollmill.flows.cli.output import columns
from rollmill.ground.formats.rate_texts import with_interval


def page(report: Mapping[str, Any]) -> str:
    """The report for a person."""
    rows = [
        [row["scorer"], _rate(row["prefers"]), 0 if row["prefers"] is None else row["prefers"]["n"], row["unscored"]]
        for row in report["scorers"]
    ]
    head = ["scorer", "prefers the short solution [95% interval]", "pairs", "no number"]
    parts = [
        f"{report['run']}: {report['pairs']:,} pairs of a short right solution and a longer right one of another problem.",
        columns(head, rows),
        "0.5 is chance. Below it a score follows length, or does not read the problem.",
        *(f"{row['scorer']}: {row['why']}" for row in report["scorers"] if row["why"]),
    ]
    if "grades" in report:
        parts += ["", *_grades(report["grades"])]
    return "\n".join(parts)


def _grades(grades: Mapping[str, Any]) -> list[str]:
    head = ["grades by", "quality", "exact", "within 1", "kappa", "no number"]
    rows = [[row["scorer"], *_quality(row)] for row in grades["scorers"]]
    rows += [[f"always {grade}", *_quality(row)] for grade, row in grades["constant"].items()]
    return [
        f"{grades['n']:,} rollouts with a grade from 0 to {grades['most']} in {grades['field']}:",
        columns(head, rows),
        "quality: mean of 1 - distance / largest grade. No number counts as wrong. kappa: quadratic weights.",
    ]


def _quality(row: Mapping[str, Any]) -> list[Any]:
    kappa = "-" if row["kappa"] is None else f"{row['kappa']:.3f}"
    return [*(_rate(row[key]) for key in ("quality", "exact", "within_one")), kappa, row["missing"]]


def _rate(rate: Mapping[str, Any] | None) -> str:
    return "-" if rate is None else with_interval(rate["value"], rate["low"], rate["high"])
