"""The charts of runs: the funnel, and the colours of outcomes. Data in, Altair chart out."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from storage.queries import Funnel

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

OUTCOME_COLOURS: Mapping[str, str] = {
    "correct": "#2da44e",
    "incorrect": "#cf222e",
    "unparsed": "#bf8700",
    "undecided": "#8250df",
    "pending": "#8c959f",
}
GREY = "#8c959f"


def funnel_chart(funnel: Funnel) -> AnyChart:
    """Planned rollouts by outcome, then kept and dropped by reason, as bars from the widest stage down."""
    rows = [("planned", funnel.planned, GREY)]
    counts = {**funnel.outcomes(), "pending": funnel.pending}
    rows += [(name, counts[name], colour) for name, colour in OUTCOME_COLOURS.items() if counts[name]]
    if funnel.kept is not None:
        rows.append(("kept", funnel.kept, "#1a7f37"))
    rows += [(f"dropped: {reason}", count, "#afb8c1") for reason, count in funnel.dropped_by_reason.items()]
    frame = pd.DataFrame(rows, columns=["stage", "rollouts", "colour"])
    base = alt.Chart(frame).encode(
        y=alt.Y("stage:N", sort=list(frame["stage"]), title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)),
        x=alt.X("rollouts:Q"),
        tooltip=["stage", "rollouts"],
    )
    bars = base.mark_bar().encode(color=alt.Color("colour:N", scale=None))
    labels = base.mark_text(align="left", dx=4, color=GREY).encode(text=alt.Text("rollouts:Q", format=","))
    return alt.layer(bars, labels).properties(height=alt.Step(26))
