"""The charts of runs: the funnel, and the colours of outcomes. Data in, Altair chart out."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from storage.queries import Funnel

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

# Okabe and Ito (2008): told apart with every common kind of colour blindness, legible on light and on dark. The theme
# (.streamlit/config.toml) has the same.
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")
BLUE, ORANGE, GREEN, PURPLE, SKY, RED, GREY = PALETTE
OUTCOME_COLOURS: Mapping[str, str] = {
    "correct": GREEN,
    "incorrect": RED,
    "unparsed": ORANGE,
    "undecided": PURPLE,
    "pending": GREY,
}


def funnel_chart(funnel: Funnel) -> AnyChart:
    """Planned rollouts by outcome, then kept and dropped by reason, as bars from the widest stage down."""
    rows = [("planned", funnel.planned, GREY)]
    counts = {**funnel.outcomes(), "pending": funnel.pending}
    rows += [(name, counts[name], colour) for name, colour in OUTCOME_COLOURS.items() if counts[name]]
    if funnel.kept is not None:
        rows.append(("kept", funnel.kept, BLUE))
    rows += [(f"dropped: {reason}", count, GREY) for reason, count in funnel.dropped_by_reason.items()]
    frame = pd.DataFrame(rows, columns=["stage", "rollouts", "colour"])
    base = alt.Chart(frame).encode(
        y=alt.Y("stage:N", sort=list(frame["stage"]), title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)),
        x=alt.X("rollouts:Q"),
        tooltip=["stage", "rollouts"],
    )
    bars = base.mark_bar().encode(color=alt.Color("colour:N", scale=None))
    labels = base.mark_text(align="left", dx=4, color=GREY).encode(text=alt.Text("rollouts:Q", format=","))
    return alt.layer(bars, labels).properties(height=alt.Step(26))
