"""The charts of one run: its funnel, its timeline, and a number outside its limit. Data in, chart out; a click opens."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from rollmill.dashboards.parts.charts import BLUE, GREY, OUTCOME_COLOURS, PALETTE, RED, AnyChart, chart_of_rows, count_axis
from rollmill.storage.queries import Funnel
from rollmill.storage.queries.run_history import Span

PICK = "picked"  # the name of the selection
SAMPLED = ("draw", "verify")
STAGES = ("synthesize", "draw", "verify", "score", "select", "gate", "publish")
Bar = tuple[str, int, str, Mapping[str, str] | None]


def funnel_bars(funnel: Funnel, *, published: bool) -> list[Bar]:
    """Name, number of rollouts and colour of each bar, and the filters by which Explore shows its rollouts; None if no
    filter does.
    """
    counts = {**funnel.outcomes(), "pending": funnel.pending}
    bars: list[Bar] = [("planned", funnel.planned, GREY, {})]
    bars += [(name, counts[name], colour, {"outcome": name}) for name, colour in OUTCOME_COLOURS.items() if counts[name]]
    if funnel.kept is not None:
        bars.append(("kept" if published else "selected", funnel.kept, BLUE, {"kept": "yes"}))
    bars += [(f"dropped: {reason}", count, GREY, {"reason": reason}) for reason, count in funnel.dropped_by_reason.items()]
    return bars + ([("of unjudged steps", funnel.unjudged, GREY, None)] if funnel.unjudged else [])


def funnel_chart(bars: Sequence[Bar]) -> AnyChart:
    """Planned rollouts by outcome, then selected and dropped by reason, as bars from the widest stage down."""
    frame = pd.DataFrame([bar[:3] for bar in bars], columns=["stage", "rollouts", "colour"])
    base = alt.Chart(frame).encode(
        y=alt.Y("stage:N", sort=list(frame["stage"]), title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)),
        x=alt.X("rollouts:Q", axis=count_axis(tickCount=5)),
        tooltip=["stage", alt.Tooltip("rollouts:Q", format=",")],
    )
    marks = base.mark_bar(cursor="pointer").encode(color=alt.Color("colour:N", scale=None))
    marks = marks.add_params(alt.selection_point(PICK, fields=["stage"]))
    labels = base.mark_text(align="left", dx=4, color=GREY).encode(text=alt.Text("rollouts:Q", format=","))
    return chart_of_rows(alt.layer(marks, labels), len(frame), 26)


def timeline_chart(spans: Sequence[Span]) -> AnyChart:
    """A bar for each stage and round from its beginning to its last commit, in seconds of work since the run's start."""
    frame = pd.DataFrame(
        [
            {
                "stage": span_label(span),
                "kind": span.stage,
                "from": span.begun,
                "to": span.ended,
                "seconds": span.ended - span.begun,
                "rows": span.rows,
            }
            for span in spans
        ]
    )
    scale = alt.Scale(domain=list(STAGES), range=list(PALETTE))
    chart = (
        alt.Chart(frame)
        .mark_bar(minBandSize=2, cursor="pointer")
        .encode(
            y=alt.Y("stage:N", sort=list(frame["stage"]), title=None, axis=alt.Axis(labelLimit=200)),
            x=alt.X("from:Q", title="seconds of work since the start"),
            x2="to:Q",
            color=alt.Color("kind:N", legend=None, scale=scale),
            stroke=alt.Stroke("kind:N", legend=None, scale=scale),  # what took no time is a line
            tooltip=["stage", *(alt.Tooltip(f"{name}:Q", format=",.1f") for name in ("from", "to", "seconds")), "rows"],
        )
        .add_params(alt.selection_point(PICK, fields=["stage"]))
    )
    return chart_of_rows(chart, len(frame), 22)


def span_label(span: Span) -> str:
    """Name of a span: its stage, with its round."""
    if span.round is not None:
        return f"{span.stage}, round {span.round}"
    return f"{span.stage}: all rows were stored" if span.stage in SAMPLED and not span.rows else span.stage


def limit_chart(measure: Mapping[str, Any]) -> AnyChart:
    """Bar of a value that failed the gate, with a mark at the limit that it violates."""
    value, limit = measure["value"], limit_of(measure)
    frame = pd.DataFrame([{"what": measure["what"], "value": value, "limit": limit, "words": limit_words(measure)}])
    base = alt.Chart(frame).encode(y=alt.Y("what:N", title=None, axis=None))
    top = max(value, limit) * 1.02 or 1.0
    bar = base.mark_bar(color=RED, height=18).encode(
        x=alt.X("value:Q", title=None, axis=None, scale=alt.Scale(domain=[0, top])),
        tooltip=["what", "value", "limit"],
    )
    mark = base.mark_tick(color=BLUE, thickness=4, size=30).encode(x="limit:Q", tooltip=["what", "value", "limit"])
    return alt.layer(bar, mark).properties(height=34)


def limit_of(measure: Mapping[str, Any]) -> float:
    """The limit that a measured value violates: the lower one if the value is below it, else the upper one."""
    least, most = measure["least"], measure["most"]
    return float(least if least is not None and measure["value"] < least else most)


def limit_words(measure: Mapping[str, Any]) -> str:
    """`73 of at least 5,000`; shares as percentages."""
    value, limit = measure["value"], limit_of(measure)
    form = ",.0f" if float(value).is_integer() and limit.is_integer() else ".2%"
    return f"{value:{form}} of at {'least' if value < limit else 'most'} {limit:{form}}"
