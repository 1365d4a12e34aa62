"""Cost and results of a run's draws, round by round and level by level, and the reasons for stopping."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.pages.difficulty.charts import coverage_chart, level_chart, stop_chart
from rollmill.dashboards.pages.difficulty.hopeless import hopeless_section
from rollmill.dashboards.parts.charts import most_drawn, spending_chart
from rollmill.dashboards.session.kept import kept
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted
from rollmill.ground.form_fields import yaml_text
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.stats import Estimate
from rollmill.storage.queries import (
    CONTINUED,
    BudgetSpend,
    Run,
    Scope,
    StopEvidence,
    budget_spend,
    run_scope,
    runs,
    version_manifest,
)
from rollmill.storage.queries.comparisons.allocations import step_points

GIVEN_UP = ("hopeless", CONTINUED)
MOST_K = 8  # limit of the chosen number of distinct solutions
MOST = 500  # problems in a table


def show_budget_of(scope: Scope) -> None:
    """Draw the budget's rounds of a run, or of the run that made a version."""
    run = scope.run
    if scope.version is not None:
        made_by = version_manifest(reader(), scope.name).get("run")
        run = next((run for run in runs(reader()) if run.id == made_by), None)
        if run is None:
            st.info("The rounds of a version are in the workspace that made it, not in the version. It was made by:")
            st.code(f"rollmill runs show {made_by}", language=None)
            return
    if run is not None:
        _show(run)


def _show(run: Run) -> None:
    budget = run.recipe.get("budget") or {}
    options = budget.get("options") or {}
    stated = {name: yaml_text(value) for name, value in options.items() if value not in (None, "")}
    chosen = " · ".join(f"{name} {text}" for name, text in stated.items()) or "its defaults"
    st.caption(inert(f"Run {run.id}. Budget {budget.get('method', 'fixed')}: {chosen}"))
    scope = run_scope(reader(), run.id)
    spend = kept(budget_spend, scope, _distinct(run, budget.get("method"), options.get("target", 1)))
    _numbers(spend)
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader("Coverage against tokens")
        st.altair_chart(coverage_chart(spend), width="stretch")
        st.caption(
            f"Share of {counted(spend.problems, 'problem')} with {spend.k} or more distinct correct solutions, with 95% "
            "intervals over clusters; a point is a committed round."
        )
    with right:
        st.subheader("By level")
        st.altair_chart(level_chart(spend), width="stretch")
        st.caption("Each level's share of all tokens, and the share of its problems that is covered, with 95% intervals.")
    with st.expander("The numbers by round and level", key="spend-numbers", bind="query-params") as numbers:
        if numbers.open:
            st.dataframe(_rounds(spend), hide_index=True, width="stretch")
            st.dataframe(_levels(spend), hide_index=True, width="stretch")
    _steps(scope)
    _stops(spend)
    hopeless_section(scope)


def _distinct(run: Run, method: str | None, target: object) -> int:
    """Number of distinct correct solutions that counts as covered; a newly chosen run starts with its recipe's target."""
    varies = method == "prop2diff"  # its target is that of the hardest problem; the easiest have 1
    start = 1 if varies or not isinstance(target, int) else min(MOST_K, max(1, target))
    if st.session_state.get("k-of", run.id) != run.id:
        st.session_state["k"] = start
    st.session_state["k-of"] = run.id
    label = "Distinct correct solutions"
    return int(st.number_input(label, 1, MOST_K, start, key="k", bind="query-params", width=240))


def _numbers(spend: BudgetSpend) -> None:
    draws, tokens = sum(level.draws for level in spend.levels), sum(level.tokens for level in spend.levels)
    covered = sum(level.covered for level in spend.levels)
    solutions = f"problems with at least {spend.k} distinct correct solutions"
    with st.container(horizontal=True, gap="large"):
        st.metric("Problems", f"{spend.problems:,}", width="content")
        st.metric("Draws", f"{draws:,}", width="content")
        whose = "of this run's completions, reused ones included"
        st.metric("Tokens", f"{tokens:,}" if tokens else "not counted", width="content", help=whose)
        st.metric("Covered", f"{covered:,}", width="content", help=solutions)
        each = f"{tokens / covered:,.0f}" if covered and tokens else "none"
        st.metric("Tokens per covered problem", each, width="content")


def interval(estimate: Estimate | None) -> str:
    """An estimate in a table."""
    return "" if estimate is None else with_interval(estimate.value, estimate.low, estimate.high)


def _rounds(spend: BudgetSpend) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "round": row.round,
                "problems drawn": row.problems,
                "draws": row.draws,
                "tokens so far": row.tokens,
                "covered so far": row.covered,
                "share": interval(row.coverage),
            }
            for row in spend.rounds
        ]
    )


def _levels(spend: BudgetSpend) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "level": _level(row.level),
                "problems": row.problems,
                "draws": row.draws,
                "tokens": row.tokens,
                "covered": row.covered,
                "share": interval(row.coverage),
            }
            for row in spend.levels
        ]
    )


def _steps(scope: Scope) -> None:
    """Completions of each step over the rounds, for a run with several: a sweep's steps are its arms."""
    points = kept(step_points, scope)
    if not points:
        return
    st.subheader("Completions of each step over the rounds")
    # Near a logarithm: the last round of a sweep draws half of the problems, many times a round of the others.
    st.altair_chart(spending_chart(points, most_drawn(points), "symlog"), width="stretch")
    st.caption("Planned so far, on a logarithmic scale. A sweep's last round draws the half that reports.")
    with st.expander("The numbers by step", key="step-numbers", bind="query-params") as numbers:
        if numbers.open:
            rows = {(inert(point.arm, 60), point.round): point.completions for point in points}
            rounds = sorted({number for _, number in rows})
            steps = list(dict.fromkeys(step for step, _ in rows))
            frame = pd.DataFrame([{"round": at, **{step: int(rows[step, at]) for step in steps}} for at in rounds])
            st.dataframe(frame, hide_index=True, width="stretch")


def _stops(spend: BudgetSpend) -> None:
    st.subheader("Why it stopped")
    if not spend.stops:
        st.info("No problem has stopped yet, or nothing was drawn (imported rollouts).")
        return
    st.altair_chart(stop_chart(spend.stop_counts()), width="stretch")
    given_up = [stop for stop in spend.stops if stop.reason in GIVEN_UP]
    if not given_up:
        st.caption("This budget gave no problem up before its cap.")
        return
    st.subheader("Given up")
    st.caption(
        "Problems that the rule gave up, with the numbers it rests on: read them before you drop or correct such problems. "
        f"Those marked {CONTINUED} go on at random all the same; how many of them are solved measures the rule's error."
    )
    st.dataframe(_evidence(given_up[:MOST]), hide_index=True, width="stretch")
    if len(given_up) > MOST:
        st.caption(f"The first {MOST} of {len(given_up):,}.")


def _evidence(stops: Sequence[StopEvidence]) -> pd.DataFrame:
    """Stops with one row a problem; the evidence as columns, in the order of the budget."""
    rows: list[Mapping[str, Any]] = [
        {
            "problem": stop.problem_id,
            "level": _level(stop.level),
            "after round": stop.round - 1,
            "reason": stop.reason,
            **stop.evidence,
        }
        for stop in stops
    ]
    return pd.DataFrame(rows)


def _level(level: int | None) -> str:
    return "none" if level is None else str(level)
