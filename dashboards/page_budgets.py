"""Budgets: what a run's draws cost and reached, round by round and level by level, and why problems were drawn no more."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboards.charts import coverage_chart, level_chart, stop_chart
from dashboards.inert import inert
from dashboards.kept import kept
from dashboards.scope_choice import choose_run, reader
from storage.queries import CONTINUED, BudgetSpend, Run, StopEvidence, budget_spend, run_scope

GIVEN_UP = ("hopeless", CONTINUED)
MOST_K = 8  # distinct solutions that one may ask for
ROUND_COLUMNS = ["round", "problems drawn", "draws", "tokens so far", "covered so far"]
LEVEL_COLUMNS = ["level", "problems", "draws", "tokens", "covered"]


def show() -> None:
    """Draw the page."""
    st.title("Budgets")
    run = choose_run()
    if run is None:
        return
    budget = run.recipe.get("budget") or {}
    options = budget.get("options") or {}
    varies = budget.get("method") == "prop2diff"  # its target is that of the hardest problem; the easiest have 1
    wanted = 1 if varies else options.get("target", 1)
    start = min(MOST_K, max(1, wanted)) if isinstance(wanted, int) else 1
    k = _distinct(start, run)
    spend = kept(budget_spend, run_scope(reader(), run.id), k)
    chosen = " · ".join(f"{name} {value}" for name, value in options.items() if value is not None) or "its defaults"
    st.caption(inert(f"Budget {budget.get('method', 'fixed')}: {chosen}"))
    _numbers(spend)
    left, right = st.columns(2)
    with left:
        st.subheader("Coverage against tokens")
        st.caption(f"Share of the problems with at least {k} distinct correct solutions; a point is a committed round.")
        st.altair_chart(coverage_chart(spend), width="stretch")
    with right:
        st.subheader("By level")
        st.caption("Where the tokens went, and what they reached.")
        st.altair_chart(level_chart(spend), width="stretch")
    with st.expander("The numbers by round and level"):
        rounds = [(row.round, row.problems, row.draws, row.tokens, row.covered) for row in spend.rounds]
        levels = [(_level(row.level), row.problems, row.draws, row.tokens, row.covered) for row in spend.levels]
        st.dataframe(pd.DataFrame(rounds, columns=ROUND_COLUMNS), hide_index=True, width="stretch")
        st.dataframe(pd.DataFrame(levels, columns=LEVEL_COLUMNS), hide_index=True, width="stretch")
    _stops(spend, run)


def _distinct(start: int, run: Run) -> int:
    """How many distinct correct solutions count as covered; another run begins with what its own recipe aims at."""
    if st.session_state.get("k-of", run.id) != run.id:
        st.session_state["k"] = start
    st.session_state["k-of"] = run.id
    return int(st.sidebar.number_input("Distinct correct solutions", 1, MOST_K, start, key="k", bind="query-params"))


def _numbers(spend: BudgetSpend) -> None:
    draws, tokens = sum(level.draws for level in spend.levels), sum(level.tokens for level in spend.levels)
    covered = sum(level.covered for level in spend.levels)
    with st.container(horizontal=True, gap="large"):
        st.metric("Problems", f"{spend.problems:,}", width="content")
        st.metric("Draws", f"{draws:,}", width="content")
        st.metric(
            "Tokens",
            f"{tokens:,}" if tokens else "not counted",
            width="content",
            help="of this run's completions, whoever drew them",
        )
        st.metric(
            "Covered", f"{covered:,}", width="content", help=f"problems with at least {spend.k} distinct correct solutions"
        )
        each = f"{tokens / covered:,.0f}" if covered and tokens else "none"
        st.metric("Tokens per covered problem", each, width="content")


def _stops(spend: BudgetSpend, run: Run) -> None:
    st.subheader("Why it stopped")
    if not spend.stops:
        st.info("No problem has stopped yet, or nothing was drawn (imported rollouts).")
        return
    st.altair_chart(stop_chart(spend.stop_counts()), width="stretch")
    given_up = [stop for stop in spend.stops if stop.reason in GIVEN_UP]
    st.subheader("Given up")
    if not given_up:
        st.caption("This budget gave no problem up before its cap.")
        return
    st.caption(
        "Problems that the rule gave up, with the numbers it rests on: read them before you drop or mend such problems. "
        f"Those marked {CONTINUED} go on at random all the same; how many of them are solved measures the rule's error."
    )
    st.dataframe(_evidence(given_up), hide_index=True, width="stretch")
    st.caption("The whole queue, with those never solved at their cap, and as problems for a stronger model:")
    st.code(f"rollmill runs queue {run.id} --out hopeless.jsonl", language=None)


def _evidence(stops: Sequence[StopEvidence]) -> pd.DataFrame:
    """One row a problem; the evidence as columns, in the order in which the budget gave it."""
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
