"""The charts of Home: tokens and money by day, and the pass rate of a dataset's versions as a small line."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd

from rollmill.dashboards.parts.charts import BLUE, SKY, AnyChart, count_axis, number_tips, rate_rows

if TYPE_CHECKING:
    from rollmill.storage.queries import VersionStep

POINT = "version"  # the selection of a version by a click
SHOWN = 40  # versions of a line, the newest ones
TOKENS = "tokens"
_EDGE = 44  # pixels for the labels of a y axis: charts below one another then share their x axis


def day_bars(days: Sequence[str], values: Sequence[float], title: str, words: Sequence[str]) -> AnyChart:
    """A bar for each day, of TOKENS or, under another title, of money; `words`: the exact values, for the tooltip."""
    frame = pd.DataFrame({"day": days, "value": values, "exact": words})
    axis = alt.Axis(labelAngle=0, labelOverlap="greedy", ticks=False)
    form: dict[str, Any] = {"tickCount": 3, "minExtent": _EDGE}
    heights = count_axis(**form) if title == TOKENS else alt.Axis(format="~g", **form)
    chart: AnyChart = (
        alt.Chart(frame, description=f"{title} by day")
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X("day:O", sort=None, title=None, axis=axis),
            y=alt.Y("value:Q", title=title, axis=heights),
            tooltip=["day:N", alt.Tooltip("exact:N", title=title)],
        )
        .properties(height=110)
    )
    return chart


def rate_line(steps: Sequence["VersionStep"]) -> AnyChart | None:
    """The pass rates of a dataset's newest versions with their 95% intervals; a click on a point selects its version.

    None without a measured rate.
    """
    frame = pd.DataFrame(rate_rows(steps[:SHOWN]))
    if frame.empty:
        return None
    x = alt.X("version:Q", axis=None, scale=alt.Scale(nice=False, padding=8))
    y = alt.Y(
        "pass_rate:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(format=".2f", tickCount=3, minExtent=_EDGE)
    )
    base = alt.Chart(frame).encode(x=x, tooltip=["name", *number_tips(("pass_rate", "low", "high"), ".3f")])
    line = base.mark_line(color=SKY, strokeWidth=1.5).encode(y=y)
    rules = base.mark_rule(color=SKY, strokeWidth=3).encode(y="low:Q", y2="high:Q")
    points = base.mark_point(filled=True, size=60, color=BLUE, opacity=1, cursor="pointer").encode(y=y)
    chosen = points.add_params(alt.selection_point(POINT, fields=["name"]))
    return alt.layer(line, rules, chosen).properties(height=80)
