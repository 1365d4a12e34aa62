"""The charts of one run: its funnel and its timeline. Data in, chart out."""

from collections.abc import Sequence
from datetime import datetime

import altair as alt
import pandas as pd

from dashboards.parts.charts import BLUE, GREY, OUTCOME_COLOURS, PALETTE, AnyChart
from storage.queries import Funnel
from storage.queries.run_history import Span

SAMPLED = ("draw", "verify")
STAGES = ("synthesize", "draw", "verify", "score", "select", "gate", "publish")


def funnel_chart(funnel: Funnel) -> AnyChart:
    """Planned rollouts by outcome, then kept and dropped by reason, as bars from the widest stage down."""
    rows = [("planned", funnel.planned, GREY)]
    counts = {**funnel.outcomes(), "pending": funnel.pending}
    rows += [(name, counts[name], colour) for name, colour in OUTCOME_COLOURS.items() if counts[name]]
    if funnel.kept is not None:
        rows.append(("kept", funnel.kept, BLUE))
    rows += [(f"dropped: {reason}", count, GREY) for reason, count in funnel.dropped_by_reason.items()]
    rows += [("of steps that nobody judges", funnel.unjudged, GREY)] if funnel.unjudged else []
    frame = pd.DataFrame(rows, columns=["stage", "rollouts", "colour"])
    base = alt.Chart(frame).encode(
        y=alt.Y("stage:N", sort=list(frame["stage"]), title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)),
        x=alt.X("rollouts:Q"),
        tooltip=["stage", "rollouts"],
    )
    bars = base.mark_bar().encode(color=alt.Color("colour:N", scale=None))
    labels = base.mark_text(align="left", dx=4, color=GREY).encode(text=alt.Text("rollouts:Q", format=","))
    return alt.layer(bars, labels).properties(height=alt.Step(26))


def timeline_chart(spans: Sequence[Span], start: datetime) -> AnyChart:
    """A bar for each stage and round from its beginning to its last commit, in seconds since the run's start."""
    first = min(start, spans[0].begun)
    frame = pd.DataFrame(
        [
            {
                "stage": _span_label(span),
                "kind": span.stage,
                "from": (span.begun - first).total_seconds(),
                "to": (span.ended - first).total_seconds(),
                "rows": span.rows,
            }
            for span in spans
        ]
    )
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar(minBandSize=2)
        .encode(
            y=alt.Y("stage:N", sort=list(frame["stage"]), title=None, axis=alt.Axis(labelLimit=200)),
            x=alt.X("from:Q", title="seconds since the start"),
            x2="to:Q",
            color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=list(STAGES), range=list(PALETTE))),
            tooltip=["stage", alt.Tooltip("from:Q", format=",.1f"), alt.Tooltip("to:Q", format=",.1f"), "rows"],
        )
        .properties(height=alt.Step(22))
    )
    return chart


def _span_label(span: Span) -> str:
    if span.round is not None:
        return f"{span.stage}, round {span.round}"
    return f"{span.stage}: all rows were stored" if span.stage in SAMPLED and not span.rows else span.stage
