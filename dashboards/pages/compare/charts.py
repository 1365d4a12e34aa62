"""Charts of comparisons: leaderboard, differences, curves, costs, calibration and replays, each with its intervals.

Data in, chart out. Rows carry the address of their rollouts in Explore as `link`; a click on a point opens it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from rollmill.dashboards.inert import visible
from rollmill.dashboards.parts.charts import PALETTE, AnyChart, chart_of_rows, number_tips

RATE = alt.Scale(domain=[0, 1])
ENDS = ("value", "low", "high")
Row = Mapping[str, Any]


def _colour(models: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(models), range=[PALETTE[at % len(PALETTE)] for at in range(len(models))])
    legend = alt.Legend(orient="top", title=None, labelLimit=200, columns=3, symbolOpacity=1)
    return alt.Color("model:N", scale=scale, legend=legend)


def _shown(rows: Sequence[Row], names: Sequence[str]) -> pd.DataFrame:
    """Selected columns of rows with a value, with the address opened by a click."""
    frame = pd.DataFrame([{name: row.get(name) for name in (*names, "link")} for row in rows if row["value"] is not None])
    for name in {"model", "benchmark", "aggregator"} & set(frame):
        frame[name] = frame[name].map(visible)
    return frame


def _benchmarks(frame: pd.DataFrame) -> alt.Y:
    return alt.Y("benchmark:N", title=None, sort=list(dict.fromkeys(frame["benchmark"])), axis=alt.Axis(labelLimit=240))


def board_chart(cells: Sequence[Row], models: Sequence[str], benchmarks: Sequence[str]) -> AnyChart:
    """A point per model and benchmark at its pass rate, with its interval; the best model on top of each benchmark."""
    order = sorted(cells, key=lambda cell: benchmarks.index(cell["benchmark"]))
    frame = _shown(order, ["model", "benchmark", "value", "low", "high", "problems"])
    names = [visible(model) for model in models]
    base = alt.Chart(frame).encode(
        y=_benchmarks(frame),
        yOffset=alt.YOffset("model:N", sort=names),
        color=_colour(sorted(names)),
        tooltip=["model", "benchmark", *number_tips(ENDS, ".3f"), "problems"],
    )
    rules = base.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q", title="pass rate", scale=RATE), x2="high:Q")
    points = base.mark_point(filled=True, size=60, opacity=1).encode(x=alt.X("value:Q", scale=RATE), href="link:N")
    return chart_of_rows(alt.layer(rules, points), frame["benchmark"].nunique(), max(60, 9 * len(models)) * 5 // 4)


def strata_chart(rows: Sequence[Row], links: Sequence[str]) -> AnyChart:
    """The difference on each benchmark with its interval, on either side of zero."""
    differences = [
        {
            **row,
            "value": row["difference"],
            "benchmark": row["before"]["benchmark"],
            "p": row["p_corrected"],
            "shown": "p < .05" if row["p_corrected"] < 0.05 else "not shown",
            "link": link,
        }
        for row, link in zip(rows, links, strict=True)
    ]
    frame = _shown(differences, ["benchmark", "value", "low", "high", "problems", "p", "shown"])
    shown = alt.Color(
        "shown:N",
        scale=alt.Scale(domain=["p < .05", "not shown"], range=[PALETTE[0], PALETTE[6]]),
        legend=alt.Legend(orient="top", title=None),
    )
    base = alt.Chart(frame).encode(
        y=_benchmarks(frame), color=shown, tooltip=["benchmark", *number_tips(ENDS, "+.3f"), "problems", "p"]
    )
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(strokeDash=[4, 4], color=PALETTE[6]).encode(x="zero:Q")
    rules = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title="difference of pass@1", axis=alt.Axis(format="+.3~f")), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, opacity=1).encode(x="value:Q", href="link:N")
    return chart_of_rows(alt.layer(zero, rules, points), frame["benchmark"].nunique(), 26)


def _panels(chart: Any, frame: pd.DataFrame) -> AnyChart:
    """A panel per benchmark if there are several."""
    benchmarks = list(dict.fromkeys(frame["benchmark"]))
    whole: AnyChart = chart.properties(height=320)
    if len(benchmarks) < 2:
        return whole
    panel = alt.Facet("benchmark:N", title=None, sort=benchmarks)
    faceted: AnyChart = chart.properties(width=200, height=200).facet(panel, columns=2)  # a narrow page fits two
    return faceted


def curve_chart(rows: Sequence[Row]) -> AnyChart:
    """pass@k over k of each model with its band, a panel per benchmark; k on a logarithmic scale of base 2."""
    frame = _shown([row for row in rows if row.get("k")], ["model", "benchmark", "k", "value", "low", "high", "n"])
    x = alt.X("k:Q", scale=alt.Scale(type="log", base=2), axis=alt.Axis(format="d", tickMinStep=1), title="completions k")
    base = alt.Chart(frame).encode(x=x, color=_colour(sorted(set(frame["model"]))))
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title="pass@k", scale=RATE), y2="high:Q")
    line = base.mark_line().encode(y=alt.Y("value:Q", scale=RATE))
    points = base.mark_point(filled=True, opacity=1).encode(
        y=alt.Y("value:Q", scale=RATE), href="link:N", tooltip=["model", "k", *number_tips(ENDS, ".3f"), "n"]
    )
    return _panels(alt.layer(band, line, points), frame)


def price_chart(rows: Sequence[Row]) -> AnyChart:
    """Mean tokens of a completion against pass rate with its interval, a mark per benchmark and a colour per model."""
    names = ("model", "benchmark", "tokens", "value", "low", "high")
    frame = _shown(rows, names)
    base = alt.Chart(frame).encode(
        x=alt.X("tokens:Q", title="mean tokens of a completion", scale=alt.Scale(zero=False)),
        color=_colour(sorted(set(frame["model"]))),
        tooltip=list(names),
    )
    rules = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="pass rate", scale=RATE), y2="high:Q")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(
        y=alt.Y("value:Q", scale=RATE), shape="benchmark:N", href="link:N"
    )
    return alt.layer(rules, marks).properties(height=340)


def calibration_chart(rows: Sequence[Row]) -> AnyChart:
    """Mean score of each bin against the share that is correct, with its interval and the line of an exact score."""
    frame = _shown(rows, ["model", "benchmark", "mean_score", "value", "low", "high", "n"])
    ends = pd.DataFrame({"at": [0.0, 1.0]})
    exact = alt.Chart().mark_line(strokeDash=[4, 4], color=PALETTE[6]).encode(x="at:Q", y="at:Q")
    base = alt.Chart().encode(
        x=alt.X("mean_score:Q", title="mean score of a bin", scale=RATE),
        color=_colour(sorted(set(frame["model"]))),
        tooltip=["model", "benchmark", *number_tips(("mean_score", *ENDS), ".3f"), "n"],
    )
    rules = base.mark_rule(strokeWidth=2).encode(y=alt.Y("low:Q", title="share correct", scale=RATE), y2="high:Q")
    line = base.mark_line(opacity=0.5).encode(y=alt.Y("value:Q", scale=RATE))
    marks = base.mark_point(filled=True, opacity=1).encode(
        y=alt.Y("value:Q", scale=RATE), size=alt.Size("n:Q", legend=None, scale=alt.Scale(range=[30, 160])), href="link:N"
    )
    # A faceted chart has one table for all layers, so the ends of the line are in it for each benchmark.
    whole = pd.concat([frame, *(ends.assign(benchmark=name) for name in dict.fromkeys(frame["benchmark"]))])
    return _panels(alt.layer(exact, rules, line, marks, data=whole), frame)


def replay_chart(rows: Sequence[Row], unit: str) -> AnyChart:
    """Accuracy of each way to choose an answer over tokens or samples of a problem, with its interval."""
    frame = _shown(rows, ["aggregator", "amount", "value", "low", "high"])
    names = list(dict.fromkeys(frame["aggregator"]))
    colours = alt.Scale(domain=names, range=[PALETTE[at % len(PALETTE)] for at in range(len(names))])
    ticks = alt.Axis(values=sorted(set(frame["amount"])), format="~s", labelOverlap=True)
    x = alt.X("amount:Q", title=f"{unit} of a problem", scale=alt.Scale(type="log", base=2, nice=False), axis=ticks)
    legend = alt.Legend(orient="top", title=None, columns=4, symbolOpacity=1, symbolType="stroke")
    near = alt.Scale(zero=False, nice=True)  # the ways differ by little
    base = alt.Chart(frame).encode(
        x=x,
        color=alt.Color("aggregator:N", scale=colours, legend=legend),
        tooltip=["aggregator", "amount", *number_tips(ENDS, ".3f")],
    )
    dash = alt.StrokeDash("aggregator:N", sort=names, legend=legend)
    band = base.mark_area(opacity=0.06).encode(y=alt.Y("low:Q", title="accuracy", scale=near), y2="high:Q")
    line = base.mark_line(point=True).encode(y=alt.Y("value:Q", scale=near), strokeDash=dash)
    return alt.layer(band, line).properties(height=420)
