"""The charts: pass rates with intervals, shares before and after selection, the funnel. Data in, Altair chart out."""

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from storage.queries import Band, Funnel, GroupRate, Share

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

OUTCOME_COLOURS: Mapping[str, str] = {
    "correct": "#2da44e",
    "incorrect": "#cf222e",
    "unparsed": "#bf8700",
    "undecided": "#8250df",
    "pending": "#8c959f",
}


def rate_chart(rates: Sequence[GroupRate], by: str) -> AnyChart:
    """A point per group at its pass rate, with the interval as a rule."""
    frame = pd.DataFrame(
        [
            {
                "group": str(one.group),
                "rate": one.estimate.value,
                "low": one.estimate.low,
                "high": one.estimate.high,
                "problems": one.problems,
                "judged": one.judged,
            }
            for one in rates
            if one.estimate is not None
        ],
        columns=["group", "rate", "low", "high", "problems", "judged"],
    )
    axis = alt.X("group:N", title=by, sort=list(frame["group"]), axis=alt.Axis(labelAngle=0 if by == "level" else -40))
    base = alt.Chart(frame).encode(x=axis, tooltip=["group", "rate", "low", "high", "problems", "judged"])
    scale = alt.Scale(domain=[0, 1])
    rules = base.mark_rule(strokeWidth=3, color="#54aeff").encode(
        y=alt.Y("low:Q", title="pass rate", scale=scale), y2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, color="#0969da").encode(y=alt.Y("rate:Q", scale=scale))
    return alt.layer(rules, points).properties(height=320)


def share_chart(shares: Sequence[Share], by: str) -> AnyChart:
    """Each group's share of all rollouts beside its share of the kept ones."""
    frame = pd.DataFrame(
        [
            {"group": str(one.group), "what": what, "share": value}
            for one in shares
            for what, value in (("all rollouts", one.before), ("kept", one.after))
            if value is not None
        ],
        columns=["group", "what", "share"],
    )
    order = list(dict.fromkeys(frame["group"]))
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("group:N", title=by, sort=order, axis=alt.Axis(labelAngle=0 if by == "level" else -40)),
            xOffset=alt.XOffset("what:N", sort=["all rollouts", "kept"]),
            y=alt.Y("share:Q", title="share of rollouts", axis=alt.Axis(format="%")),
            color=alt.Color(
                "what:N", title=None, scale=alt.Scale(domain=["all rollouts", "kept"], range=["#8c959f", "#2da44e"])
            ),
            tooltip=["group", "what", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(height=280)
    )
    return chart


def band_chart(bands: Sequence[Band]) -> AnyChart:
    """How many problems lie in each tenth of pass rate."""
    frame = pd.DataFrame(
        [
            {
                "pass rate": f"{one.low:.1f}-{one.high:.1f}",
                "problems": one.problems,
                "rollouts": one.rollouts,
                "kept": one.kept,
            }
            for one in bands
        ]
    )
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar(color="#0969da")
        .encode(
            x=alt.X("pass rate:N", sort=list(frame["pass rate"]), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("problems:Q"),
            tooltip=["pass rate", "problems", "rollouts", "kept"],
        )
        .properties(height=240)
    )
    return chart


def funnel_chart(funnel: Funnel) -> AnyChart:
    """Planned rollouts by outcome, then kept and dropped by reason, as bars from the widest stage down."""
    rows = [("planned", funnel.planned, "#57606a")]
    rows += [(name, getattr(funnel, name), colour) for name, colour in OUTCOME_COLOURS.items() if getattr(funnel, name)]
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
    labels = base.mark_text(align="left", dx=4).encode(text=alt.Text("rollouts:Q", format=","))
    return alt.layer(bars, labels).properties(height=alt.Step(26))
