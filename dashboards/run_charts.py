"""The charts of one run. Data in, chart out."""

from collections.abc import Sequence

import altair as alt
import pandas as pd

from dashboards.charts import PALETTE, AnyChart
from storage.queries.run_history import Span

STAGES = ("synthesize", "draw", "verify", "score", "select", "gate", "publish")


def timeline_chart(spans: Sequence[Span]) -> AnyChart:
    """A bar for each stage and round from its beginning to its last commit, in seconds since the first began."""
    first = spans[0].begun
    frame = pd.DataFrame(
        [
            {
                "stage": span.stage if span.round is None else f"{span.stage}, round {span.round}",
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
            x=alt.X("from:Q", title="seconds since the beginning"),
            x2="to:Q",
            color=alt.Color("kind:N", legend=None, scale=alt.Scale(domain=list(STAGES), range=list(PALETTE))),
            tooltip=["stage", alt.Tooltip("from:Q", format=",.1f"), alt.Tooltip("to:Q", format=",.1f"), "rows"],
        )
        .properties(height=alt.Step(22))
    )
    return chart
