"""Cost of a run, by purpose, step, level, model or round, and its forecast with the actual values."""

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import visible
from rollmill.dashboards.session.kept import kept
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted
from rollmill.storage.queries import Run, Scope, run_scope
from rollmill.storage.queries.cost import By, RunCost, money_text, run_cost
from rollmill.storage.queries.reader import forecast_of

TOTALS = ("draws", "tokens_in", "tokens_out", "tokens", "seconds", "solved", "kept")  # of a forecast, without levels
BY: dict[str, By | None] = {"purpose": None, "step": "step", "level": "level", "model": "engine", "round": "round"}


COLUMNS = {
    **{name: st.column_config.NumberColumn(format="localized") for name in ("completions", "tokens in", "tokens out")},
    "engine seconds": st.column_config.NumberColumn(format="%.1f"),
}

FORECAST = {
    name: st.column_config.NumberColumn(label, format="localized", step=1)
    for name, label in (("median", "forecast"), ("low95", "from"), ("high95", "to"), ("actual", "came"))
}


def _cost(scope: Scope) -> RunCost:
    return run_cost(scope.reader, scope.name)


def show_cost(run: Run) -> None:
    """Draw the tables."""
    cost = kept(_cost, run_scope(reader(), run.id))
    if cost.whole.represented.completions:
        st.markdown("**Cost**")
        ways = [way for way in BY if way != "step" or run.recipe.get("steps")]
        by = st.segmented_control("By", ways, default="purpose", required=True, key="cost-by", bind="query-params")
        table = _cost_table(cost, str(by), run.summary.get("currency"))
        st.dataframe(table, hide_index=True, width="stretch", column_config=COLUMNS, placeholder="not counted")
        whole = cost.whole
        each = "no row kept yet" if whole.tokens_per_kept is None else f"{whole.tokens_per_kept:,.1f} tokens per kept row"
        unknown = "failed, and a server's charge for those is not known"
        failed = f"; {counted(whole.failed, 'call')} {unknown}" if whole.failed else ""
        st.caption(
            f"{each} (n = {whole.kept:,}); {counted(whole.calls, 'call')}{failed}. Represented is every completion of the "
            "plan, spent what this run drew itself; the rest other runs had drawn. Money: `-` where no price is known."
        )
    forecast = forecast_of(reader(), run.id)
    if forecast is not None:
        totals = forecast[forecast["quantity"].isin(TOTALS)]
        covered = int(forecast["held"].sum())
        st.markdown("**Forecast and actual values**")
        shown = totals.assign(quantity=[name.replace("_", " ") for name in totals["quantity"]])
        st.dataframe(shown, hide_index=True, width="stretch", column_config=FORECAST)
        st.caption(f"Medians with 95% intervals; {covered} of {len(forecast)} held, those of the levels included.")


def _counted(tokens: int, known: int | bool) -> int | None:
    """Number of tokens, None if uncounted: imports come without counts, and a completion without tokens was not counted."""
    return tokens if known else None


def _cost_table(cost: RunCost, by: str, currency: str | None) -> pd.DataFrame:
    of = BY[by]
    rows = cost.steps() if of is None else {visible(group.name): group.represented for group in cost.by(of)}
    return pd.DataFrame(
        {
            by: list(rows),
            "completions": [sums.completions for sums in rows.values()],
            "tokens in": [_counted(sums.tokens_in, sums.tokens_out or not sums.completions) for sums in rows.values()],
            "tokens out": [_counted(sums.tokens_out, sums.tokens_out or not sums.completions) for sums in rows.values()],
            "engine seconds": [round(sums.seconds, 1) for sums in rows.values()],
            "money": [money_text(sums, currency) for sums in rows.values()],
        }
    )
