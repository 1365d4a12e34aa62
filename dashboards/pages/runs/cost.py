"""What a run cost, by step, level, model or round, and its forecast beside what came."""

import pandas as pd
import streamlit as st

from dashboards.inert import visible
from dashboards.session.kept import kept
from dashboards.session.scope import reader
from storage.queries import Run, Scope, run_scope
from storage.queries.cost import By, RunCost, money_text, run_cost
from storage.queries.reader import forecast_of

TOTALS = ("draws", "tokens_in", "tokens_out", "tokens", "seconds", "solved", "kept")  # of a forecast, without levels
BY: dict[str, By | None] = {"step": None, "level": "level", "model": "engine", "round": "round"}


def _cost(scope: Scope) -> RunCost:
    return run_cost(scope.reader, scope.name)


def show_cost(run: Run) -> None:
    """Draw the tables."""
    cost = kept(_cost, run_scope(reader(), run.id))
    if cost.whole.represented.completions:
        st.markdown("**Cost**")
        by = st.segmented_control("By", list(BY), default="step", required=True, key="cost-by", bind="query-params")
        st.dataframe(_cost_table(cost, BY[str(by)], run.summary.get("currency")), hide_index=True, width="stretch")
        whole = cost.whole
        each = "no row kept yet" if whole.tokens_per_kept is None else f"{whole.tokens_per_kept:,.1f} tokens per kept row"
        failed = f"; {whole.failed:,} calls failed, and what a server bills for those is not known" if whole.failed else ""
        st.caption(f"{each} (n = {whole.kept:,}); {whole.calls:,} calls{failed}")
    forecast = forecast_of(reader(), run.id)
    if forecast is not None:
        totals = forecast[forecast["quantity"].isin(TOTALS)]
        held = int(forecast["held"].sum())
        st.markdown("**Forecast and what came**")
        st.dataframe(totals, hide_index=True, width="stretch")
        st.caption(f"{held} of {len(forecast)} 95% intervals held, those of the levels included.")


def _counted(tokens: int, known: int | bool) -> str:
    """Imports come without counts: completions of no token were not counted."""
    return f"{tokens:,}" if known else "not counted"


def _cost_table(cost: RunCost, by: By | None, currency: str | None) -> pd.DataFrame:
    rows = cost.steps() if by is None else {visible(group.name): group.represented for group in cost.by(by)}
    return pd.DataFrame(
        {
            "": list(rows),
            "completions": [sums.completions for sums in rows.values()],
            "tokens in": [_counted(sums.tokens_in, sums.tokens_out or not sums.completions) for sums in rows.values()],
            "tokens out": [_counted(sums.tokens_out, sums.tokens_out or not sums.completions) for sums in rows.values()],
            "engine seconds": [round(sums.seconds, 1) for sums in rows.values()],
            "money": [money_text(sums, currency) for sums in rows.values()],
        }
    )
