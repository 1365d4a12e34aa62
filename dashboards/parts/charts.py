"""What charts of every page share: the colours of the theme and of outcomes, and numbers in tooltips."""

from collections.abc import Iterable, Mapping

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


def number_tips(names: Iterable[str], form: str) -> list[alt.Tooltip]:
    """These numbers of what the mouse is on, all in one format."""
    return [alt.Tooltip(f"{name}:Q", format=form) for name in names]
