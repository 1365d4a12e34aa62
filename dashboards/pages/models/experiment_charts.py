"""Charts of trials and loops: differences of arms with intervals and a dot for each seed; measures over rounds."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.parts.charts import BLUE, GREY, ORANGE, PALETTE, SKY, AnyChart, chart_of_rows, number_tips
from rollmill.storage.queries.models.experiments import RATES, Difference, RoundPoint

ROW = 44  # pixels of a comparison
HEIGHT = 240


def difference_chart(differences: Sequence[Difference]) -> AnyChart:
    """Differences on one scale: a point with its interval for each arm and measure, small dots for seeds, a line at 0."""
    rows = pd.DataFrame(
        [
            {
                "row": _label(difference),
                "arm": one_line(difference.arm, 40),
                "difference": difference.value,
                "low": difference.low,
                "high": difference.high,
                "p": difference.p,
                "confidence": difference.confidence,
                "shown": "not 0" if difference.low > 0.0 or difference.high < 0.0 else "may be 0",
            }
            for difference in differences
        ]
    )
    seeds = pd.DataFrame(
        [
            {"row": _label(difference), "seed": seed, "at seed": value}
            for difference in differences
            for seed, value in enumerate(difference.by_seed)
        ]
    )
    order = [_label(difference) for difference in differences]
    y = alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelLimit=260, ticks=False))
    axis = alt.Axis(format="+.2f", tickCount=7)
    x = alt.X("low:Q", title=_unit(differences[0]), axis=axis, scale=alt.Scale(zero=True, nice=False, padding=12))
    colour = alt.Color(
        "shown:N", scale=alt.Scale(domain=["not 0", "may be 0"], range=[BLUE, GREY]), legend=None,
    )  # fmt: skip
    tips = [*number_tips(("difference", "low", "high"), "+.3f"), *number_tips(("p", "confidence"), ".4f")]
    base = alt.Chart(rows).encode(y=y, color=colour, tooltip=["row", *tips])
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=ORANGE, strokeDash=[4, 3]).encode(x="zero:Q")
    layers = [zero, base.mark_rule(strokeWidth=3).encode(x=x, x2="high:Q")]
    if not seeds.empty:
        dots = alt.Chart(seeds).mark_point(color=SKY, size=34, opacity=0.9)
        layers.append(dots.encode(y=y, x="at seed:Q", tooltip=["row", "seed", *number_tips(("at seed",), "+.3f")]))
    layers.append(base.mark_point(filled=True, size=110, opacity=1).encode(x="difference:Q"))
    return chart_of_rows(alt.layer(*layers), len(order), ROW)


def _label(difference: Difference) -> str:
    """The arm; also the measure where a scale has several."""
    return (
        f"{one_line(difference.arm, 30)}, {one_line(difference.measure, 30)}"
        if difference.scale == RATES
        else one_line(difference.arm, 30)
    )


def _unit(difference: Difference) -> str:
    return f"{'pass rate' if difference.scale == RATES else 'nats a token'}, against {one_line(difference.against, 24)}"


def rounds_chart(points: Sequence[RoundPoint]) -> AnyChart:
    """Measures over the rounds, a colour for each."""
    names = list(dict.fromkeys(point.measure for point in points))
    frame = pd.DataFrame(
        [
            {"round": point.round, "measure": point.measure, "value": point.value, "model": one_line(point.model, 60)}
            for point in points
        ]
    )
    chart = alt.Chart(frame).encode(
        x=alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("value:Q", title="pass rate", scale=alt.Scale(zero=False), axis=alt.Axis(format=".2f", minExtent=44)),
        color=_colour(names),
        tooltip=["round", "measure", "model", *number_tips(("value",), ".3f")],
    )
    return alt.layer(chart.mark_line(strokeWidth=2), chart.mark_point(filled=True, size=70, opacity=1)).properties(
        height=HEIGHT
    )


def changes_chart(points: Sequence[RoundPoint]) -> AnyChart | None:
    """Changes since the round before with their intervals; None where there is none."""
    rows = [
        {"round": point.round, "measure": point.measure, "change": point.change, "low": point.low, "high": point.high}
        for point in points
        if point.change is not None
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(point.measure for point in points))
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("measure:N", sort=names),
        color=_colour(names),
        tooltip=["round", "measure", *number_tips(("change", "low", "high"), "+.3f")],
    )
    y = alt.Y("low:Q", title="change", axis=alt.Axis(format="+.2f", minExtent=44))
    zero = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=GREY, strokeDash=[4, 3]).encode(y="zero:Q")
    return alt.layer(
        zero,
        base.mark_rule(strokeWidth=3).encode(y=y, y2="high:Q"),
        base.mark_point(filled=True, size=80, opacity=1).encode(y="change:Q"),
    ).properties(height=HEIGHT)


def _colour(names: Sequence[str]) -> alt.Color:
    scale = alt.Scale(domain=list(names), range=list(PALETTE[: len(names)]))
    return alt.Color(
        "measure:N", sort=list(names), scale=scale, legend=alt.Legend(orient="top", title=None, symbolOpacity=1)
    )
