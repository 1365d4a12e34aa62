"""What a run cost and what had been forecast: two small tables for the page that shows a run. Knows queries only."""

import pandas as pd
import streamlit as st

from dashboards.opened import reader
from storage.queries import RunSummary
from storage.queries.cost import RunCost, money_text, run_cost
from storage.queries.forecasts import forecast_of

TOTALS = ("draws", "tokens_in", "tokens_out", "tokens", "solved", "kept")


def show_cost(run: RunSummary) -> None:
    """Draw the tables; nothing while a run draws, as the page is drawn every two seconds then."""
    if run.status == "running":
        return
    found = run_cost(reader(), run.id)
    if found.whole.represented.completions:
        st.markdown("**Cost**")
        st.dataframe(_table(found, run.summary.get("currency")), hide_index=True, width="stretch")
        st.caption(_caption(found))
    forecast = forecast_of(reader(), run.id)
    if forecast is not None:
        totals = forecast[forecast["quantity"].isin(TOTALS)]
        held = int(forecast["held"].sum())
        st.markdown("**Forecast and what came**")
        st.dataframe(totals, hide_index=True, width="stretch")
        st.caption(f"{held} of {len(forecast)} 95% intervals held, those of the levels included.")


def _table(found: RunCost, currency: str | None) -> pd.DataFrame:
    whole = found.whole
    rows = {"represented": whole.represented, "spent by this run": whole.spent, "reused": whole.represented - whole.spent}
    if found.again.completions:
        rows["drawn again"] = found.again
    if found.votes.completions:
        rows["judges' votes"] = found.votes
    return pd.DataFrame(
        {
            "": list(rows),
            "completions": [sums.completions for sums in rows.values()],
            "tokens in": [sums.tokens_in for sums in rows.values()],
            "tokens out": [sums.tokens_out for sums in rows.values()],
            "engine seconds": [round(sums.seconds, 1) for sums in rows.values()],
            "money": [money_text(sums, currency) for sums in rows.values()],
        }
    )


def _caption(found: RunCost) -> str:
    whole = found.whole
    each = "no row kept yet" if whole.tokens_per_kept is None else f"{whole.tokens_per_kept:,.1f} tokens per kept row"
    failed = f"; {whole.failed:,} calls failed, and what a server bills for those is not known" if whole.failed else ""
    return f"{each} (n = {whole.kept:,}); {whole.calls:,} calls{failed}"
