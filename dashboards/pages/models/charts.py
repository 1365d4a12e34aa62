"""Charts of models: the loss of a training over its steps, and a metric over the versions of a family."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.parts.charts import BLUE, GREY, PALETTE, SKY, AnyChart, count_axis, number_tips
from rollmill.storage.queries.models.evaluated import FamilySeries
from rollmill.storage.queries.models.progress import LossCurve

POINT = "version"  # the selection of a point by a click
HEIGHT = 260  # pixels
FEW = 40  # points of a curve that are marked
WINDOW = 10  # a point of the smoothed line is the mean of a tenth of the curve


def loss_chart(curve: LossCurve) -> AnyChart | None:
    """The loss over the steps, with a moving mean where there are many; None before the first report."""
    if not curve.points:
        return None
    frame = pd.DataFrame([{"step": point.step, "loss": point.loss, "tokens": point.tokens} for point in curve.points])
    frame["mean"] = frame["loss"].rolling(max(1, len(frame) // WINDOW), center=True, min_periods=1).mean()
    few = len(frame) <= FEW
    base = alt.Chart(frame).encode(
        x=alt.X("step:Q", title="optimiser step", axis=count_axis(tickMinStep=1), scale=alt.Scale(nice=False)),
        tooltip=[
            "step",
            *number_tips(("loss", "mean"), ".4f"),
            alt.Tooltip("tokens:Q", format=",", title="trained tokens"),
        ],
    )
    y = alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=False), axis=alt.Axis(minExtent=44))
    lines = [base.mark_line(color=SKY, strokeWidth=1.5, point={"color": SKY, "size": 30} if few else False).encode(y=y)]
    if not few:
        lines.append(base.mark_line(color=BLUE, strokeWidth=2.5).encode(y="mean:Q"))
    return alt.layer(*lines).properties(height=HEIGHT)


def family_chart(series: Sequence[FamilySeries], metric: str, chosen: int) -> AnyChart:
    """A metric over the versions, a colour for each benchmark, with 95% intervals; the chosen version stands on grey. A
    click on a point selects its run.
    """
    rows = list(_rows(series))
    frame, names = pd.DataFrame(rows), list(dict.fromkeys(row["benchmark"] for row in rows))
    order = list(dict.fromkeys(row["version"] for row in sorted(rows, key=lambda row: row["number"])))
    colour = alt.Color(
        "benchmark:N",
        sort=names,
        scale=alt.Scale(domain=names, range=[PALETTE[at % len(PALETTE)] for at in range(len(names))]),
        legend=alt.Legend(orient="top", title=None, labelLimit=320, columns=2, symbolOpacity=1),
    )
    base = alt.Chart(frame).encode(
        x=alt.X("version:N", sort=order, title=None, axis=alt.Axis(labelAngle=0, labelLimit=120)),
        xOffset=alt.XOffset("benchmark:N", sort=names),
        color=colour,
        tooltip=["model", "benchmark", *number_tips(("value", "low", "high"), ".3f"), "problems", "sampling", "run"],
    )
    y = alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False), axis=alt.Axis(format=".2f", minExtent=44))
    rules = base.mark_rule(strokeWidth=3).encode(y="low:Q", y2="high:Q")
    points = base.mark_point(filled=True, size=90, opacity=1, cursor="pointer").encode(y=y)
    layers: list[Any] = [rules, points.add_params(alt.selection_point(POINT, fields=["run"]))]
    if any(row["number"] == chosen for row in rows):
        here = pd.DataFrame({"version": [f"v{chosen}"]})
        shade = alt.Chart(here).mark_bar(color=GREY, opacity=0.18)
        layers.insert(0, shade.encode(x=alt.X("version:N", sort=order)))
    return alt.layer(*layers).properties(height=HEIGHT)


def _rows(series: Sequence[FamilySeries]) -> "list[dict[str, Any]]":
    """A row for each point; series of a benchmark are told apart by their sampling."""
    labels = [one_line(family.benchmark, 60) for family in series]
    told = [
        label if labels.count(label) == 1 else f"{label}, {_difference(family, series)}"
        for label, family in zip(labels, series, strict=True)
    ]
    return [
        {
            "version": f"v{point.number}" if point.number else one_line(point.model, 40),
            "number": point.number,
            "model": one_line(point.model, 60),
            "benchmark": name,
            "value": point.value,
            "low": point.low,
            "high": point.high,
            "problems": point.problems,
            "sampling": one_line(family.sampling, 200),
            "run": point.run,
        }
        for name, family in zip(told, series, strict=True)
        for point in family.points
    ]


def _difference(one: FamilySeries, series: Sequence[FamilySeries]) -> str:
    """The parts of a sampling that others of the same benchmark do not share; its place among them where all are shared."""
    alike = [other for other in series if other.benchmark == one.benchmark]
    parts = [part for part in one.sampling.split(", ") if any(part not in other.sampling.split(", ") for other in alike)]
    return one_line(", ".join(parts), 60) if parts else f"set {alike.index(one) + 1}"
