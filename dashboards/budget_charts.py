"""The charts of the page on budgets. Data in, Altair chart out."""

from collections.abc import Sequence
from itertools import accumulate

import altair as alt
import pandas as pd

from dashboards.drawing import AnyChart
from storage.queries import BudgetSpend, StopCount

REASON_COLOURS = {
    "target_met": "#2da44e",
    "known": "#0969da",
    "trial_cap": "#bf8700",
    "hopeless": "#cf222e",
    "continued": "#ff8182",
    "budget": "#8c959f",
}


def coverage_chart(spend: BudgetSpend) -> AnyChart:
    """Share of the problems covered against tokens so far, a point per round; against draws where no token was counted."""
    counted = any(one.tokens for one in spend.rounds)
    drawn = list(accumulate(one.draws for one in spend.rounds))
    frame = pd.DataFrame(
        [
            {"round": one.round, "tokens": one.tokens, "covered": one.covered / spend.problems, "draws": draws}
            for one, draws in zip(spend.rounds, drawn, strict=True)
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
    """Each level's share of the tokens beside the share of its problems that are covered."""
    counted = sum(one.tokens for one in spend.levels)
    spent = [one.tokens if counted else one.draws for one in spend.levels]
    names = ["none" if one.level is None else str(one.level) for one in spend.levels]
    kinds = {f"share of all {'tokens' if counted else 'draws'}": "#8c959f", "covered of its problems": "#2da44e"}
    frame = pd.DataFrame(
        [
            {"level": name, "what": what, "share": value}
            for name, one, cost in zip(names, spend.levels, spent, strict=True)
            for what, value in zip(kinds, (cost / (sum(spent) or 1), one.covered / (one.problems or 1)), strict=True)
        ],
        columns=["level", "what", "share"],
    )
    chart: AnyChart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            x=alt.X("level:N", sort=names, axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("what:N", sort=list(kinds)),
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%")),
            color=alt.Color(
                "what:N",
                title=None,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=list(kinds), range=list(kinds.values())),
            ),
            tooltip=["level", "what", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(height=300)
    )
    return chart


def stop_chart(counts: Sequence[StopCount]) -> AnyChart:
    """Problems by the reason for which they stopped, a colour per reason, by level."""
    frame = pd.DataFrame(
        [
            {"reason": one.reason, "level": "none" if one.level is None else str(one.level), "problems": one.problems}
            for one in counts
        ]
    )
    seen = set(frame["reason"])
    reasons = [*(name for name in REASON_COLOURS if name in seen), *sorted(seen - REASON_COLOURS.keys())]
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
