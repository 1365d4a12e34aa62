"""The charts of all pages: pass rates with intervals, shares, funnel, and what budgets spent. Data in, Altair chart out."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

import altair as alt
import pandas as pd

from pipelines.stats import Estimate
from storage.queries import Band, BudgetSpend, Funnel, GroupRate, Share, StopCount

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

OUTCOME_COLOURS: Mapping[str, str] = {
    "correct": "#2da44e",
    "incorrect": "#cf222e",
    "unparsed": "#bf8700",
    "undecided": "#8250df",
    "pending": "#8c959f",
}
REASON_COLOURS = {
    "target_met": "#2da44e",
    "known": "#0969da",
    "trial_cap": "#bf8700",
    "hopeless": "#cf222e",
    "continued": "#ff8182",
    "budget": "#8c959f",
}
GREY, GREEN = "#8c959f", "#2da44e"  # before and after, cost and effect


def rate_chart(rates: Sequence[GroupRate], by: str) -> AnyChart:
    """A point per group at its pass rate, with the interval as a rule; without a rule where nothing is known of one."""
    frame = pd.DataFrame(
        [
            {
                "group": str(rate.group),
                "rate": rate.estimate.value,
                **_ends(rate.estimate),
                "problems": rate.problems,
                "judged": rate.judged,
            }
            for rate in rates
            if rate.estimate is not None
        ],
        columns=["group", "rate", "low", "high", "problems", "judged"],
    )
    axis = alt.X("group:N", title=by, sort=list(frame["group"]), axis=_labels(by))
    base = alt.Chart(frame).encode(x=axis, tooltip=["group", "rate", "low", "high", "problems", "judged"])
    scale = alt.Scale(domain=[0, 1])
    rules = base.mark_rule(strokeWidth=3, color="#54aeff").encode(
        y=alt.Y("low:Q", title="pass rate", scale=scale), y2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, color="#0969da").encode(y=alt.Y("rate:Q", scale=scale))
    return alt.layer(rules, points).properties(height=320)


def _ends(estimate: Estimate) -> dict[str, float | None]:
    """The ends to draw. One cluster leaves the whole range open, which a rule would show as if it were measured."""
    known = "no interval" not in estimate.method
    return {"low": estimate.low if known else None, "high": estimate.high if known else None}


def share_chart(shares: Sequence[Share], by: str) -> AnyChart:
    """Each group's share of all rollouts beside its share of the kept ones."""
    frame = pd.DataFrame(
        [
            {"group": str(share.group), "what": what, "share": value}
            for share in shares
            for what, value in (("all rollouts", share.before), ("kept", share.after))
            if value is not None
        ],
        columns=["group", "what", "share"],
    )
    axis = alt.X("group:N", title=by, sort=list(dict.fromkeys(frame["group"])), axis=_labels(by))
    return _paired_bars(frame, axis, ("all rollouts", "kept"), "share of rollouts")


def _labels(by: str) -> alt.Axis:
    """Levels are short numbers; other groups have names that only fit when they lean."""
    return alt.Axis(labelAngle=0 if by == "level" else -40, labelOverlap=False)


def _paired_bars(frame: pd.DataFrame, axis: alt.X, series: tuple[str, str], title: str | None) -> AnyChart:
    """Two bars side by side for every group: the columns of `frame` are the group, `what` (the series) and `share`."""
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=axis,
            xOffset=alt.XOffset("what:N", sort=list(series)),
            y=alt.Y("share:Q", title=title, axis=alt.Axis(format="%")),
            color=alt.Color(
                "what:N",
                title=None,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=list(series), range=[GREY, GREEN]),
            ),
            tooltip=[frame.columns[0], "what", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(height=300)
    )
    return chart


def band_chart(bands: Sequence[Band]) -> AnyChart:
    """How many problems lie in each tenth of pass rate."""
    frame = pd.DataFrame(
        [
            {
                "pass rate": band.label,
                "problems": band.problems,
                "rollouts": band.rollouts,
                "kept": band.kept,
            }
            for band in bands
        ]
    )
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar(color="#0969da")
        .encode(
            x=alt.X("pass rate:N", title="correct of judged", sort=list(frame["pass rate"]), axis=alt.Axis(labelAngle=0)),
            y=alt.Y("problems:Q"),
            tooltip=["pass rate", "problems", "rollouts", "kept"],
        )
        .properties(height=240)
    )
    return chart


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


def coverage_chart(spend: BudgetSpend) -> AnyChart:
    """Share of the problems covered against tokens so far, a point per round; against draws where no token was counted."""
    counted = any(row.tokens for row in spend.rounds)
    drawn = list(accumulate(row.draws for row in spend.rounds))
    frame = pd.DataFrame(
        [
            {"round": row.round, "tokens": row.tokens, "covered": row.covered / spend.problems, "draws": draws}
            for row, draws in zip(spend.rounds, drawn, strict=True)
        ],
        columns=["round", "tokens", "covered", "draws"],
    )
    base = alt.Chart(frame).encode(
        x=alt.X(
            "tokens:Q" if counted else "draws:Q",
            title=f"{'tokens' if counted else 'draws'} so far",
            axis=alt.Axis(format="~s"),
        ),
        y=alt.Y("covered:Q", title="problems covered", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%")),
        tooltip=["round", alt.Tooltip("tokens:Q", format=","), alt.Tooltip("covered:Q", format=".1%"), "draws"],
    )
    line = base.mark_line(color="#54aeff", interpolate="step-after")
    return alt.layer(line, base.mark_point(filled=True, size=80, color="#0969da")).properties(height=300)


def level_chart(spend: BudgetSpend) -> AnyChart:
    """Each level's share of the tokens beside the share of its covered problems; of draws where no token was counted."""
    unit = "tokens" if any(row.tokens for row in spend.levels) else "draws"
    costs = [row.tokens if unit == "tokens" else row.draws for row in spend.levels]
    series = (f"share of all {unit}", "covered of its problems")
    names = ["none" if row.level is None else str(row.level) for row in spend.levels]
    frame = pd.DataFrame(
        [
            {"level": name, "what": what, "share": value}
            for name, row, cost in zip(names, spend.levels, costs, strict=True)
            for what, value in zip(series, (cost / (sum(costs) or 1), row.covered / (row.problems or 1)), strict=True)
        ],
        columns=["level", "what", "share"],
    )
    return _paired_bars(frame, alt.X("level:N", sort=names, axis=_labels("level")), series, None)


def stop_chart(counts: Sequence[StopCount]) -> AnyChart:
    """Problems by the reason for which they stopped, a colour per reason, by level."""
    frame = pd.DataFrame(
        [
            {"reason": row.reason, "level": "none" if row.level is None else str(row.level), "problems": row.problems}
            for row in counts
        ]
    )
    present = set(frame["reason"])
    reasons = [*(name for name in REASON_COLOURS if name in present), *sorted(present - REASON_COLOURS.keys())]
    colours = [REASON_COLOURS.get(name, "#57606a") for name in reasons]
    levels = sorted(set(frame["level"]), key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0))
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            y=alt.Y("level:N", sort=levels),
            x=alt.X("problems:Q", title="problems", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color("reason:N", title=None, sort=reasons, scale=alt.Scale(domain=reasons, range=colours)),
            tooltip=["level", "reason", "problems"],
        )
        .properties(height=alt.Step(24))
    )
    return chart
