"""The charts of comparisons: leaderboard, differences, curves and costs, each with its intervals. Data in, chart out."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from dashboards.charts import PALETTE, AnyChart
from dashboards.inert import visible
from storage.queries.evaluations import Price, SideMetric

RATE = alt.Scale(domain=[0, 1])


def _colour(models: Sequence[str], *, legend: bool = True) -> alt.Color:
    scale = alt.Scale(domain=list(models), range=[PALETTE[at % len(PALETTE)] for at in range(len(models))])
    shown = alt.Legend(orient="top", title=None, labelLimit=200, columns=3, symbolOpacity=1) if legend else None
    return alt.Color("model:N", scale=scale, legend=shown)


def _rows(benchmarks: Sequence[str]) -> alt.Y:
    return alt.Y("benchmark:N", title=None, sort=list(benchmarks), axis=alt.Axis(labelLimit=240))


def _numbers(names: Sequence[str], form: str) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}:Q", format=form) for name in names]


def board_chart(board: Mapping[str, Any]) -> AnyChart:
    """A point per model and benchmark at its pass rate, with its interval; the best model on top of each benchmark."""
    names = ["model", "benchmark", "value", "low", "high", "problems"]
    rows = [{name: cell[name] for name in names} for cell in board["cells"] if cell["value"] is not None]
    frame = pd.DataFrame(rows, columns=names)
    frame["model"], frame["benchmark"] = frame["model"].map(visible), frame["benchmark"].map(visible)
    models = [visible(model) for model in board["models"]]
    base = alt.Chart(frame).encode(
        y=alt.Y(
            "benchmark:N", title=None, sort=[visible(one) for one in board["benchmarks"]], axis=alt.Axis(labelLimit=240)
        ),
        yOffset=alt.YOffset("model:N", sort=models),
        color=_colour(sorted(models)),
        tooltip=[
            "model",
            "benchmark",
            *(alt.Tooltip(f"{end}:Q", format=".3f") for end in ("value", "low", "high")),
            "problems",
        ],
    )
    rules = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="pass rate", scale=RATE), x2="high:Q")
    points = base.mark_point(filled=True, size=60, opacity=1).encode(x=alt.X("value:Q", scale=RATE))
    return alt.layer(rules, points).properties(height=alt.Step(max(9, 60 // max(1, len(models)))))


def strata_chart(rows: Sequence[Mapping[str, Any]]) -> AnyChart:
    """The difference on each benchmark with its interval, on either side of zero."""
    frame = pd.DataFrame(
        [
            {
                "benchmark": visible(row["before"]["benchmark"]),
                "difference": row["difference"],
                "low": row["low"],
                "high": row["high"],
                "problems": row["problems"],
                "p": row["p_corrected"],
                "shown": "p < .05" if row["p_corrected"] < 0.05 else "not shown",
            }
            for row in rows
        ]
    )
    shown = alt.Color(
        "shown:N",
        scale=alt.Scale(domain=["p < .05", "not shown"], range=[PALETTE[0], PALETTE[6]]),
        legend=alt.Legend(orient="top", title=None),
    )
    base = alt.Chart(frame).encode(
        y=alt.Y("benchmark:N", title=None, sort=list(frame["benchmark"]), axis=alt.Axis(labelLimit=240)),
        color=shown,
        tooltip=[
            "benchmark",
            *(alt.Tooltip(f"{end}:Q", format="+.3f") for end in ("difference", "low", "high")),
            "problems",
            "p",
        ],
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(strokeDash=[4, 4], color=PALETTE[6]).encode(x="zero:Q")
    rules = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title="difference of pass@1", axis=alt.Axis(format="+.0%")), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, opacity=1).encode(x="difference:Q")
    return alt.layer(zero, rules, points).properties(height=alt.Step(26))


def curve_chart(found: Sequence[SideMetric]) -> AnyChart:
    """pass@k over k of each model with its band, a panel per benchmark; k on a scale of doublings."""
    frame = pd.DataFrame(
        [
            {
                "model": visible(side.model),
                "benchmark": visible(side.benchmark),
                "k": row.setting.get("k"),
                "value": row.value,
                "low": row.low,
                "high": row.high,
                "problems": row.n,
            }
            for side in found
            for row in side.rows
            if row.value is not None and row.setting.get("k") is not None
        ],
        columns=["model", "benchmark", "k", "value", "low", "high", "problems"],
    )
    x = alt.X("k:Q", scale=alt.Scale(type="log", base=2), axis=alt.Axis(format="d", tickMinStep=1), title="completions k")
    base = alt.Chart(frame).encode(x=x, color=_colour(sorted(set(frame["model"]))))
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title="pass@k", scale=RATE), y2="high:Q")
    line = base.mark_line(point=True).encode(
        y=alt.Y("value:Q", scale=RATE), tooltip=["model", "k", "value", "low", "high", "problems"]
    )
    benchmarks = list(dict.fromkeys(frame["benchmark"]))
    layered = alt.layer(band, line)
    if len(benchmarks) < 2:
        return layered.properties(height=320)
    return layered.properties(width=260, height=200).facet(alt.Facet("benchmark:N", title=None, sort=benchmarks), columns=3)


def price_chart(points: Sequence[Price]) -> AnyChart:
    """Mean tokens of a completion against pass rate with its interval, a mark per benchmark and a colour per model."""
    names = ("model", "benchmark", "tokens", "value", "low", "high")
    frame = pd.DataFrame([{name: getattr(point, name) for name in names} for point in points])
    frame["model"], frame["benchmark"] = frame["model"].map(visible), frame["benchmark"].map(visible)
    base = alt.Chart(frame).encode(
        x=alt.X("tokens:Q", title="mean tokens of a completion", scale=alt.Scale(zero=False)),
        color=_colour(sorted(set(frame["model"]))),
        tooltip=list(names),
    )
    rules = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="pass rate", scale=RATE), y2="high:Q")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(y=alt.Y("value:Q", scale=RATE), shape="benchmark:N")
    return alt.layer(rules, marks).properties(height=340)
