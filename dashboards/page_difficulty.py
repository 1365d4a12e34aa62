"""Difficulty: pass rates by level, skill, template or model, and what selection did to the mixture."""

import pandas as pd
import streamlit as st

from dashboards.charts import band_chart, rate_chart, share_chart
from dashboards.inert import inert
from dashboards.kept import kept
from dashboards.scope_choice import choose_scope
from dashboards.verifier_rates import show_rates
from pipelines.metrics import rate_words
from storage.queries import GROUPS, GroupRate, models_of, pass_rate_bands, pass_rates, scope_rates, selection_shares


def show() -> None:
    """Draw the page."""
    st.title("Difficulty")
    scope = choose_scope()
    if scope is None:
        return
    by = str(st.segmented_control("By", list(GROUPS), default="level", required=True, key="by", bind="query-params"))
    rates = kept(pass_rates, scope, by)
    st.subheader(f"Pass rate by {by}")
    st.caption(
        f"{rate_words(scope.prefix, scope.arm)} Read these as descriptions of the pool, not as measurements."
        if scope.prefix is None
        else f"{rate_words(scope.prefix, scope.arm)} Bars are 95% intervals."
    )
    models = kept(models_of, scope)
    if by != "model" and len(models) > 1:
        st.caption(
            f"Each rate pools the rollouts of {len(models)} models: {inert(', '.join(models))}. By model shows each alone."
        )
    st.altair_chart(rate_chart(rates, by), width="stretch")
    with st.expander("The numbers, with n, clusters and method"):
        st.dataframe(_numbers(rates, by), hide_index=True, width="stretch")
    st.subheader("Before and after selection")
    if scope.decided:
        st.altair_chart(share_chart(kept(selection_shares, scope, by), by), width="stretch")
    elif scope.run is not None and scope.run.recipe.get("cell"):
        st.info("An evaluation selects nothing: all of its rollouts are measured.")
    else:
        st.info("Nothing is selected yet: the run has not come to its decisions.")
    st.subheader("Problems by pass rate")
    st.altair_chart(band_chart(kept(pass_rate_bands, scope)), width="stretch")
    st.subheader("How often the verifiers err")
    show_rates(kept(scope_rates, scope))


def _numbers(rates: list[GroupRate], by: str) -> pd.DataFrame:
    rows = []
    for rate in rates:
        row = {
            by: str(rate.group),
            "problems": rate.problems,
            "judged": rate.judged,
            "correct": rate.correct,
            "undecided": rate.undecided,
        }
        if rate.estimate is not None:
            row |= {
                "pass rate": rate.estimate.value,
                "low": rate.estimate.low,
                "high": rate.estimate.high,
                "clusters": rate.estimate.clusters,
                "method": rate.estimate.method,
                "estimand": rate.estimate.estimand,
            }
        rows.append(row | {"rollouts": rate.rollouts, "kept": rate.kept})
    return pd.DataFrame(rows)
