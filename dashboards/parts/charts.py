"""Parts shared by all charts: the colours of the theme and of outcomes, numbers in tooltips, and charts made once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import altair as alt
import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import one_line

if TYPE_CHECKING:
    from rollmill.storage.queries import VersionStep
    from rollmill.storage.queries.comparisons.allocations import SpendingPoint

PANEL = (210, 210)  # pixels of a panel of a chart of several: a narrow page fits two
AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart
Spec = dict[str, Any]

# Okabe and Ito (2008): told apart with every common kind of colour blindness, legible on light and on dark. Their lighter
# grey is too near green and purple. The theme (server/.streamlit/config.toml) has the same.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#666666")
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, GREY = PALETTE
OUTCOME_COLOURS: Mapping[str, str] = {
    "correct": GREEN,
    "incorrect": RED,
    "unparsed": ORANGE,
    "undecided": PURPLE,
    "pending": GREY,
}


def count_axis(**options: Any) -> alt.Axis:
    """An axis of counts: 1k for 1,000. Zero is written 0, not 0k."""
    return alt.Axis(format="~s", labelExpr="datum.value == 0 ? '0' : datum.label", **options)


def chart_of_rows(chart: Any, rows: int, pixels: int) -> AnyChart:
    """The chart with a height of so many rows of its y axis; its width is that of the page."""
    # Streamlit fits charts to the page. Vega warns of a height by steps in a fitted chart, even where the width alone is.
    autosize = alt.AutoSizeParams(type="fit-x", contains="padding")
    whole: AnyChart = chart.properties(height=max(1, rows) * pixels, autosize=autosize)
    return whole


def number_tips(names: Iterable[str], form: str) -> list[alt.Tooltip]:
    """Tooltips with these numbers of the mark under the mouse, in one format."""
    return [alt.Tooltip(f"{name}:Q", format=form) for name in names]


def rate_rows(steps: "Sequence[VersionStep]") -> list[dict[str, Any]]:
    """The measured pass rates of versions with their 95% intervals, as the manifests have them."""
    return [
        {
            "version": step.info.number,
            "name": step.info.ref,
            **{key: step.rate[key] for key in ("pass_rate", "low", "high", "problems", "judged")},
        }
        for step in steps
        if step.rate.get("pass_rate") is not None
    ]


def most_drawn(points: "Sequence[SpendingPoint]") -> list[str]:
    """The arms that have a colour: those with most completions over all allocators, in the order of their names."""
    last = {(point.allocator, point.arm): point.completions for point in points}
    totals: dict[str, float] = {}
    for (_, arm), completions in last.items():
        totals[arm] = totals.get(arm, 0.0) + completions
    return sorted(sorted(totals, key=lambda arm: (-totals[arm], arm))[: len(PALETTE)])


def spending_chart(
    points: "Sequence[SpendingPoint]", arms: Sequence[str], scale: Literal["linear", "symlog"] = "linear"
) -> AnyChart:
    """Completions of each of these arms over the rounds with a band, a panel for each allocator. `scale`: scale of the y
    axis.
    """
    frame = pd.DataFrame(
        [
            {
                "allocator": one_line(point.allocator),
                "arm": one_line(point.arm),
                "round": point.round,
                "completions": point.completions,
                "low": point.low,
                "high": point.high,
            }
            for point in points
            if point.arm in arms
        ]
    )
    names = [one_line(arm) for arm in arms]
    colours = alt.Scale(domain=names, range=list(PALETTE[: len(names)]))
    legend = alt.Legend(orient="top", title=None, columns=4, labelLimit=180, symbolOpacity=1)
    base = alt.Chart(frame).encode(
        x=alt.X("round:Q", title="round", axis=alt.Axis(tickMinStep=1, format="d")),
        color=alt.Color("arm:N", scale=colours, legend=legend),
        tooltip=["allocator", "arm", "round", *number_tips(("completions", "low", "high"), ",.1f")],
    )
    ticks = {"values": [0, *(first * 10**power for power in range(7) for first in (1, 3))]} if scale == "symlog" else {}
    y: dict[str, Any] = {"axis": count_axis(**ticks), "scale": alt.Scale(type=scale)}
    band = base.mark_area(opacity=0.15).encode(y=alt.Y("low:Q", title="completions", **y), y2="high:Q")
    line = base.mark_line(strokeWidth=2).encode(y=alt.Y("completions:Q", **y))
    ends = base.mark_point(filled=True, opacity=1).encode(y=alt.Y("completions:Q", **y))
    allocators = list(dict.fromkeys(frame["allocator"]))
    chart: Any = alt.layer(band, line, ends)
    if len(allocators) < 2:
        alone: AnyChart = chart.properties(height=320)
        return alone
    panels: AnyChart = (
        chart.properties(width=PANEL[0], height=PANEL[1])
        .facet(alt.Facet("allocator:N", title=None, sort=allocators), columns=2)
        .resolve_scale(x="independent")
    )
    return panels


def spec_of(state: tuple[Any, ...], chart: str, make: Callable[[], AnyChart | None]) -> Spec | None:
    """A chart as Vega-Lite, made once for each state: making one takes 50 ms, and every click needs all of a page.

    `chart`: its name among those of the same state.
    """
    spec: Spec | None = _spec(state, chart, make)
    return spec


@st.cache_resource(show_spinner=False, max_entries=200)
def _spec(
    state: tuple[Any, ...],  # noqa: ARG001 (the key)
    chart: str,  # noqa: ARG001
    _make: Callable[[], AnyChart | None],
) -> Spec | None:
    figure = _make()
    if figure is None:
        return None
    with alt.theme.enable("none"):  # as in st.altair_chart: with Streamlit's theme
        spec: Spec = figure.to_dict()
    return spec
