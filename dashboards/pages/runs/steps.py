"""Steps of a run: rows that each drew and kept, and the share of right answers after each attempt of steps that repeat."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.runs.sweep import is_swept, show_sweep
from rollmill.dashboards.session.commands import typed
from rollmill.dashboards.session.kept import kept
from rollmill.dashboards.session.scope import reader
from rollmill.ground.errors import SetupError
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.stats import Estimate
from rollmill.storage.queries import Run, run_scope
from rollmill.storage.queries.attempts import AttemptTable, answering_again, attempt_table
from rollmill.storage.queries.rates import step_counts

COUNTS = ("problems", "completions", "correct", "kept", "tokens out")


def show_steps(run: Run) -> None:
    """Draw the table of steps, then attempts and stops."""
    if is_swept(run):
        show_sweep(run)
    scope = run_scope(reader(), run.id)
    steps = kept(step_counts, scope)
    if not steps:
        st.info("The recipe of this run has no named steps.")
        return
    rows = [
        {
            "step": visible(step.step),
            "problems": step.problems,
            "completions": step.completions,
            "correct": step.correct,
            **({"kept": step.kept} if scope.decided else {}),
            "tokens out": step.tokens,
        }
        for step in steps
    ]
    if is_swept(run):
        st.markdown("**Completions of each arm**, of both halves")
    counts = {name: st.column_config.NumberColumn(format="localized") for name in COUNTS}
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=counts)
    if not scope.decided and run.status == "done":  # it keeps no rows: a sweep, an evaluation
        return
    again = answering_again(scope)
    chosen = _again(again) if len(again) > 1 else []
    try:
        table = kept(attempt_table, scope, tuple(chosen))
    except SetupError as error:  # no step answers again, or the run is under way
        st.caption(inert(error.message, 400))
        return
    _attempts(table)
    words = ["runs", "attempts", run.id, *(word for step in chosen for word in ("--step", step))]
    st.code(visible(typed(words)), language=None, wrap_lines=True)


def _again(steps: Sequence[str]) -> list[str]:
    """The chosen steps whose answers are the attempts; an empty list leaves the choice to the table."""
    return st.multiselect(
        "Attempts are the answers of",
        steps,
        key="again",
        bind="query-params",
        format_func=visible,
        placeholder="the first step that repeats, or else the first that answers again",
    )


def _attempts(table: AttemptTable) -> None:
    threads, again = f"{table.threads:,} threads of {table.problems:,} problems", inert(", ".join(table.steps))
    st.markdown(f"**Attempts**: {threads}; {again} answers again")
    rows: list[dict[str, Any]] = [
        {
            "attempt": rate.attempt,
            "right after it [95%]": _interval(rate.accuracy),
            "gain [95%]": "" if rate.gain is None else _gain(rate.gain),
            "asked": rate.asked,
            "wrong to right": rate.fixed,
            "right to wrong": rate.broken,
        }
        for rate in table.rates
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    st.markdown("**Why threads stopped**")
    stops = [{"stopped": stop, "threads": count, "share": count / table.threads} for stop, count in table.stops.items()]
    shown = {"share": st.column_config.NumberColumn(format="%.3f")}
    st.dataframe(pd.DataFrame(stops), hide_index=True, column_config=shown)
    if table.left_out:
        st.caption(f"{table.left_out:,} threads with an undecided attempt are in no rate.")


def _gain(estimate: Estimate) -> str:
    return with_interval(estimate.value, estimate.low, estimate.high, "+")


def _interval(estimate: Estimate) -> str:
    return with_interval(estimate.value, estimate.low, estimate.high)
