"""Allocators on the page Compare: the completions of each arm by round, and the pass rate of the chosen arm on problems
that did not choose it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.compare.sides import AND, COLUMNS, ComparedSubject, read_sides, scope_of
from rollmill.dashboards.parts.charts import most_drawn, spending_chart
from rollmill.dashboards.session.address import choose, forget_old
from rollmill.dashboards.session.commands import command_button
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.allocations import SpendingPoint, allocations, spending_points
from rollmill.storage.queries.comparisons.evaluations import REPLAYS

Row = Mapping[str, Any]
ALLOCATORS = ("ucb", "thompson", "halving")  # those that the button replays, beside the equal shares of `uniform`
RATE = st.column_config.NumberColumn(format="%.3f")
WINNER = {
    "seen": st.column_config.NumberColumn(
        format="%.3f", help="pass rate of the chosen arm over the completions that chose it"
    ),
    "other half": st.column_config.NumberColumn(format="%.3f", help="its pass rate on the problems that did not choose it"),
    "winner's curse": st.column_config.TextColumn(help="seen less other half"),
    "rounds": st.column_config.NumberColumn(format="%.0f"),
}
STORED = "pass rate, all stored"
SHARES = (": share", ": chosen")  # ends of names of columns
MODEL = "model"
ARMS = "arms"  # parameter of the address


def show_allocations(subject: ComparedSubject) -> None:
    """Draw the stored allocations of the subject's completions; a button stores another."""
    reports = allocations(reader().root, subject.kept(_scopes))
    if not reports:
        st.info("No allocation of these completions is stored. An allocation shows the spend on each arm.")
    for place, report in enumerate(reports):
        _report(report, place)
    _button(subject, reports)


def _scopes(source: Reader, name: str, split: str) -> list[str]:
    """The runs and versions of the subject."""
    return sorted({scope_of(side) for side in read_sides(source, name, split)})


def _report(report: Row, place: int) -> None:
    points = spending_points(report)
    st.markdown(f"**{inert(report['arms_are'])}** of {inert(report['pool'])}: completions of each arm over the rounds")
    shown = most_drawn(points)
    st.altair_chart(spending_chart(points, shown), width="stretch", key=f"allocation-{place}")
    hidden = len({point.arm for point in points}) - len(shown)
    st.caption(
        f"Completions so far, mean of {counted(report['repeats'], 'repeat')}; bands hold nine repeats of ten. "
        f"At most {report['spend']:,.0f} {inert(report['unit'])} are spent on one half of the {inert(report['split'])}; "
        "the other half reports the winner."
        + (f" Not drawn: {counted(hidden, 'arm')} with fewer completions." if hidden else "")
    )
    st.dataframe(allocator_table(report), hide_index=True, width="stretch", column_config=WINNER)
    st.caption(
        f"Regret: the lead of {inert(report['best'])}, the best of all stored, on the other half. ±: standard errors "
        "over the repeats."
    )
    arms = arm_table(report)
    shares = {name: st.column_config.NumberColumn(format="percent") for name in map(str, arms) if name.endswith(SHARES)}
    st.dataframe(arms, hide_index=True, width="stretch", column_config=shares | {STORED: RATE})
    with st.expander("Completions by round", key=f"allocation-rounds-{place}"):
        st.dataframe(_points(points), hide_index=True, width="stretch")


def allocator_table(report: Row) -> pd.DataFrame:
    """A row for each allocator: its spend, and its winner's rate on the half that chose it and on the other half."""
    return pd.DataFrame(
        [
            {
                "allocator": visible(row["allocator"]),
                f"{report['unit']} spent": row["spent"],
                "rounds": row["rounds"],
                "mostly chosen": visible(max(row["winners"], key=row["winners"].get)),
                "seen": row["seen"],
                "other half": row["reported"],
                "winner's curse": _with_error(row["curse"]),
                "regret": _with_error(row["regret"]),
            }
            for row in report["rows"]
        ]
    )


def arm_table(report: Row) -> pd.DataFrame:
    """A row for each arm: its rate over all that is stored, and for each allocator its share of the completions."""
    totals = {row["allocator"]: sum(row["pulls"].values()) for row in report["rows"]}
    return pd.DataFrame(
        [
            {
                "arm": visible(arm["arm"]),
                "problems": arm["problems"],
                STORED: arm["value"],
                **{
                    f"{visible(row['allocator'])}: share": row["pulls"][arm["arm"]] / (totals[row["allocator"]] or 1.0)
                    for row in report["rows"]
                },
                **{f"{visible(row['allocator'])}: chosen": row["winners"].get(arm["arm"], 0.0) for row in report["rows"]},
            }
            for arm in report["arms"]
        ]
    )


def _with_error(part: Row) -> str:
    return f"{part['value']:+.3f}" + ("" if part["error"] is None else f" ± {part['error']:.3f}")


def _points(points: Sequence[SpendingPoint]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "allocator": [visible(point.allocator) for point in points],
            "arm": [visible(point.arm) for point in points],
            "round": [point.round for point in points],
            "completions": [point.completions for point in points],
            "5%": [point.low for point in points],
            "95%": [point.high for point in points],
        }
    )


def _choices(source: Reader, name: str, split: str) -> list[tuple[str, str]]:
    """Pools and columns whose values can be arms: all models together, and each model's groups of problems."""
    if AND in name:
        return []
    sides = read_sides(source, name, split)
    models = sorted({side.model for side in sides})
    choices = [(name, MODEL)] if len(models) > 1 else []
    for model in models:
        mine = [side for side in sides if side.model == model]
        pool = f"{name}:{model}" if len(models) > 1 else name
        choices += [
            (pool, column)
            for column in COLUMNS
            if any(len(set(side.pool.strata.get(column, ())) - {None}) > 1 for side in mine)
        ]
    return choices


def _button(subject: ComparedSubject, reports: Sequence[Row]) -> None:
    done = {(report["pool"], report["arms_are"]) for report in reports}
    choices: list[tuple[str, str]] = subject.kept(_choices)
    left = [choice for choice in choices if choice not in done]
    if not left:
        return
    names = {f"{column} of {pool}": (pool, column) for pool, column in left}
    if st.query_params.get(ARMS) in {f"{column} of {pool}" for pool, column in choices} - names.keys():
        forget_old((ARMS,))  # the address names what has been done since
    pool, column = names[choose("Arms", list(names), ARMS, where=st.container())]
    out = REPLAYS / f"{subject.name.replace('@', '-')}-arms-{choices.index((pool, column)) + 1}"
    chosen = [f"--allocator={name}" for name in ALLOCATORS]
    words = ["replay", "--out", str(out), f"--arms={column}", *chosen, "--", pool]
    command_button("Replay allocators", words, key="compare-allocate", wait=600)
