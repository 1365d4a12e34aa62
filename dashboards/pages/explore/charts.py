"""The two charts of Explore: matching rollouts by group and outcome, and problems by correct k of n. A click filters."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboards.inert import one_line
from dashboards.parts.charts import OUTCOME_COLOURS, AnyChart, count_axis
from storage.queries.browse.explore import FacetCount, FacetValue, Rows

PICK = "picked"  # the name of the selection
MOST = 40  # bars of a chart
HEIGHT = 260


def outcome_chart(counts: Sequence[FacetCount], group: str) -> AnyChart:
    """A bar for each value of the group, divided by outcome."""
    shown = list(dict.fromkeys(row.group for row in counts))[:MOST]
    frame = pd.DataFrame(
        [
            {group: one_line(row.group, 40), "value": row.group, "outcome": row.outcome, "rollouts": row.rollouts}
            for row in counts
            if row.group in set(shown)
        ]
    )
    present = [name for name in OUTCOME_COLOURS if name in set(frame["outcome"])]
    scale = alt.Scale(domain=present, range=[OUTCOME_COLOURS[name] for name in present])
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar(cursor="pointer")
        .encode(
            x=alt.X(f"{group}:N", sort=[one_line(name, 40) for name in shown], axis=_axis(group, len(shown))),
            y=alt.Y("rollouts:Q", title="rollouts", axis=count_axis(tickCount=4)),
            color=alt.Color("outcome:N", scale=scale, legend=alt.Legend(orient="top", title=None, columns=2)),
            order=alt.Order("outcome:N"),
            tooltip=[f"{group}:N", "outcome:N", alt.Tooltip("rollouts:Q", format=",")],
        )
        .add_params(alt.selection_point(PICK, fields=["value", "outcome"]))
        .properties(height=HEIGHT)
    )
    return chart


def correct_chart(values: Sequence[FacetValue], chosen: Sequence[str], rows: Rows) -> AnyChart:
    """A bar for each k of n; chosen ones are highlighted."""
    frame = pd.DataFrame(
        [
            {
                "correct of judged": value.value,
                rows: value.count,
                "strength": 1.0 if not chosen or value.value in chosen else 0.35,
            }
            for value in values[:MOST]
        ]
    )
    title = "correct of judged"  # of a problem; the long form does not fit on a narrow page
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar(cursor="pointer")
        .encode(
            x=alt.X("correct of judged:N", sort=list(frame["correct of judged"]), title=title, axis=_axis("", len(frame))),
            y=alt.Y(f"{rows}:Q", axis=count_axis(tickCount=4)),
            opacity=alt.Opacity("strength:Q", scale=None),
            tooltip=["correct of judged:N", alt.Tooltip(f"{rows}:Q", format=",")],
        )
        .add_params(alt.selection_point(PICK, fields=["correct of judged"]))
        .properties(height=HEIGHT)
    )
    return chart


def _axis(group: str, bars: int) -> alt.Axis:
    """Axis of groups: short names are upright, others at an angle; of many, only the labels that fit."""
    upright = group == "level" or (not group and bars <= 9)
    return alt.Axis(labelAngle=0 if upright else -40, labelOverlap=upright or bars > 20)
