"""Charts of difficulty and budget: pass rates, mixtures, coverage and stops, with intervals. Data in, chart out."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import altair as alt
import pandas as pd

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.parts.charts import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    AnyChart,
    chart_of_rows,
    count_axis,
    number_tips,
)
from rollmill.metrics import GroupRate, Share
from rollmill.stats import Estimate
from rollmill.storage.queries import BudgetSpend, StopCount

REASON_COLOURS = {
    "target_met": GREEN,
    "known": BLUE,
    "trial_cap": ORANGE,
    "hopeless": RED,
    "continued": PURPLE,
    "budget": GREY,
}
HEIGHT = 280
PERCENT = alt.Axis(format="%")


def rate_chart(rates: Sequence[GroupRate], by: str) -> AnyChart:
    """A point per group at its pass rate, with the interval as a rule; no rule for an unknown interval."""
    rows = [
        {"group": _name(rate.group), **_ends(rate.estimate), "problems": rate.problems, "judged": rate.judged}
        for rate in rates
        if rate.estimate is not None
    ]
    frame = pd.DataFrame(rows, columns=["group", "share", "low", "high", "problems", "judged"])
    base = alt.Chart(frame).encode(x=_groups(frame, by), tooltip=_hints("group", "problems", "judged"))
    return _with_rules(
        base.mark_point(filled=True, size=90, color=BLUE, opacity=1), base, "pass rate", alt.Scale(domain=[0, 1])
    )


def correct_chart(shares: Sequence[Share], judged: int) -> AnyChart:
    """The share of problems by number of correct completions, as bars with intervals."""
    rows = [{"group": str(share.group), **_ends(share.of_problems), "problems": share.problems} for share in shares]
    frame = pd.DataFrame(rows, columns=["group", "share", "low", "high", "problems"])
    base = alt.Chart(frame).encode(
        x=_groups(frame, f"correct of {judged} judged", angle=0), tooltip=_hints("group", "problems")
    )
    return _with_rules(base.mark_bar(color=BLUE, opacity=0.75), base, "share of problems", alt.Undefined)


def share_chart(mixture: Sequence[Share], by: str) -> AnyChart:
    """Each group's share of all rollouts and of the kept ones, with intervals."""
    rows = [
        {"group": _name(share.group), "what": what, **_ends(estimate), "rollouts": number}
        for share in mixture
        for what, estimate, number in (("all rollouts", share.before, share.rollouts), ("kept", share.after, share.kept))
        if estimate is not None
    ]
    frame = pd.DataFrame(rows, columns=["group", "what", "share", "low", "high", "rollouts"])
    series = ["all rollouts", "kept"]
    base = alt.Chart(frame).encode(
        x=_groups(frame, by, angle=0 if by.startswith("correct") else None),
        xOffset=alt.XOffset("what:N", sort=series),
        tooltip=_hints("group", "what", "rollouts"),
    )
    bars = base.mark_bar(opacity=0.75).encode(color=_two(series))
    return _with_rules(bars, base, "share of rollouts", alt.Undefined)


def coverage_chart(spend: BudgetSpend) -> AnyChart:
    """Share of the problems covered against tokens so far, a point per round; against draws if no tokens were counted."""
    counted = any(row.tokens for row in spend.rounds)
    drawn = accumulate(row.draws for row in spend.rounds)
    rows = [
        {"round": row.round, "tokens": row.tokens, "draws": draws, "covered": row.covered, **_ends(row.coverage)}
        for row, draws in zip(spend.rounds, drawn, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["round", "tokens", "draws", "covered", "share", "low", "high"])
    unit = "tokens" if counted else "draws"
    base = alt.Chart(frame).encode(
        x=alt.X(f"{unit}:Q", title=f"{unit} so far", axis=count_axis()),
        tooltip=_hints("round", "tokens", "draws", "covered"),
    )
    line = base.mark_line(color=BLUE, interpolate="step-after", point=alt.OverlayMarkDef(color=BLUE, size=70))
    return _with_rules(line, base, "problems covered", alt.Scale(domain=[0, 1]))


def level_chart(spend: BudgetSpend) -> AnyChart:
    """Each level's share of the tokens and its share of covered problems, the latter with its interval."""
    unit = "tokens" if any(row.tokens for row in spend.levels) else "draws"
    costs = [row.tokens if unit == "tokens" else row.draws for row in spend.levels]
    series = [f"of all {unit}", "covered"]
    rows: list[dict[str, Any]] = []
    for row, cost in zip(spend.levels, costs, strict=True):
        name = {"group": _name(row.level), "problems": row.problems}
        rows.append({**name, "what": series[0], "share": cost / (sum(costs) or 1)})
        rows.append({**name, "what": series[1], **_ends(row.coverage)})
    frame = pd.DataFrame(rows, columns=["group", "problems", "what", "share", "low", "high"])
    base = alt.Chart(frame).encode(
        x=_groups(frame, "level"),
        xOffset=alt.XOffset("what:N", sort=series),
        tooltip=_hints("group", "what", "problems"),
    )
    return _with_rules(base.mark_bar(opacity=0.75).encode(color=_two(series)), base, "share", alt.Scale(domain=[0, 1]))


def stop_chart(counts: Sequence[StopCount]) -> AnyChart:
    """Stopped problems by level, a colour per reason."""
    rows = [{"reason": row.reason, "level": _name(row.level), "problems": row.problems} for row in counts]
    frame = pd.DataFrame(rows)
    present = set(frame["reason"])
    reasons = [*(name for name in REASON_COLOURS if name in present), *sorted(present - REASON_COLOURS.keys())]
    colours = [REASON_COLOURS.get(name, GREY) for name in reasons]
    levels = sorted(set(frame["level"]), key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0))
    chart = (
        alt.Chart(frame)
        .mark_bar()
        .encode(
            y=alt.Y("level:N", sort=levels),
            x=alt.X("problems:Q", title="problems", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "reason:N",
                title=None,
                sort=reasons,
                legend=alt.Legend(orient="top"),
                scale=alt.Scale(domain=reasons, range=colours),
            ),
            tooltip=["level", "reason", "problems"],
        )
    )
    return chart_of_rows(chart, len(levels), 24)


def _name(group: object) -> str:
    return "none" if group is None else one_line(group, 60)


def _ends(estimate: Estimate | None) -> dict[str, float | None]:
    """The value with the ends to draw. One cluster leaves the whole range open; a rule over it would look like a
    measurement."""
    if estimate is None:
        return {"share": None, "low": None, "high": None}
    known = "no interval" not in estimate.method
    return {"share": estimate.value, "low": estimate.low if known else None, "high": estimate.high if known else None}


def _groups(frame: pd.DataFrame, title: str, angle: int | None = None) -> alt.X:
    """Axis of groups. Levels are short numbers; other groups have names that only fit at an angle."""
    leaning = -40 if angle is None and title != "level" else 0
    axis = alt.Axis(labelAngle=leaning, labelOverlap="greedy" if leaning == 0 else False, labelLimit=160)
    return alt.X("group:N", title=title, sort=list(dict.fromkeys(frame["group"])), axis=axis)


def _hints(*names: str) -> list[Any]:
    return [*names, *number_tips(("share", "low", "high"), ".1%")]


def _two(series: Sequence[str]) -> alt.Color:
    """Colours of two series: before and after, cost and effect."""
    scale = alt.Scale(domain=list(series), range=[GREY, BLUE])
    return alt.Color("what:N", title=None, legend=alt.Legend(orient="top"), scale=scale)


def _with_rules(marks: alt.Chart, base: alt.Chart, title: str, scale: Any) -> AnyChart:
    """The marks at `share`, with a rule from `low` to `high`."""
    y = alt.Y("share:Q", title=title, scale=scale, axis=PERCENT)
    rules = base.mark_rule(strokeWidth=2, color=ORANGE).encode(y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q")
    shown = marks.encode(y=y)
    layers = (shown, rules) if marks.mark.type == "bar" else (rules, shown)  # a rule would hide its point
    return alt.layer(*layers).properties(height=HEIGHT)
