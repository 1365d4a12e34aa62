"""Parts shared by all charts: the colours of the theme and of outcomes, and numbers in tooltips."""

from collections.abc import Iterable, Mapping
from typing import Any

import altair as alt

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

# Okabe and Ito (2008): told apart with every common kind of colour blindness, legible on light and on dark. The theme
# (server/.streamlit/config.toml) has the same.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")
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
