"""Difficulty and budget: the pass rates of problems, the effect of selection on the mixture, cost and results of draws."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.pages.difficulty.budget import interval, show_budget_of
from rollmill.dashboards.pages.difficulty.charts import correct_chart, rate_chart, share_chart
from rollmill.dashboards.session.address import OPEN, explore_link
from rollmill.dashboards.session.kept import index_of, kept
from rollmill.dashboards.session.scope import choose_scope, scope_label
from rollmill.dashboards.units import counted
from rollmill.metrics import (
    NO_RATES,
    Counts,
    GroupRate,
    Share,
    by_correct,
    judged_numbers,
    pass_rates,
    rate_words,
    shares,
)
from rollmill.storage.queries import GROUPS, Scope, indexed_counts

TABS = ("Difficulty", "Budget")
MOST = 40  # groups in a chart: templates may be thousands


def show() -> None:
    """Draw the page."""
    st.title("Difficulty and budget")
    scope = choose_scope()
    if scope is None:
        return
    difficulty, budget = st.tabs(TABS, key="view", bind="query-params")
    with difficulty:
        if difficulty.open:
            _difficulty(scope)
    with budget:
        if budget.open:
            show_budget_of(scope)


def _difficulty(scope: Scope) -> None:
    by = str(st.segmented_control("By", list(GROUPS), default="level", required=True, key="by", bind="query-params"))
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(f"Pass rate by {by}")
        rates = kept(_rates, scope, by)
        if any(rate.estimate is not None for rate in rates):
            st.altair_chart(rate_chart(_largest(rates), by), width="stretch")
            st.caption(_rate_words(scope, by))
        else:
            st.info(NO_RATES if scope.prefix == 0 else "Nothing is judged yet.")
    with right:
        st.subheader("Before and after selection")
        mixture = kept(_mixture, scope, by)
        if _selected(scope):
            st.altair_chart(share_chart(_largest(mixture), by), width="stretch")
            st.caption(_share_words(mixture))
    if len(rates) > MOST:
        st.caption(f"The {MOST} with the most problems of {len(rates):,}; the table below has all of them.")
    with st.expander("The numbers, with n, clusters and method", key="numbers", bind="query-params") as numbers:
        if numbers.open:
            st.dataframe(_numbers(rates, mixture, by, scope), hide_index=True, width="stretch", column_config=OPEN)
    _problems(scope)


def _problems(scope: Scope) -> None:
    """The problems by their number of correct judged completions."""
    st.subheader("Problems by correct completions")
    numbers = kept(_judged, scope)
    if not numbers:
        st.info("No judged completions are valid for a rate.")
        return
    judged = next(iter(numbers))
    if len(numbers) > 1:
        judged = st.selectbox(
            "Judged completions of a problem",
            list(numbers),
            key="judged",
            bind="query-params",
            format_func=lambda number: f"{number}: {counted(numbers[number], 'problem')}",
            width=320,
        )
    shares = kept(_by_correct, scope, int(judged))
    left, right = st.columns(2, gap="medium")
    with left:
        st.altair_chart(correct_chart(shares, int(judged)), width="stretch")
        completions = counted(int(judged), "judged completion")
        st.caption(f"Share of {counted(numbers[judged], 'problem')} with {completions}. Bars: 95% intervals.")
    with right:
        if scope.decided and any(share.after for share in shares):
            st.altair_chart(share_chart(shares, f"correct of {judged}"), width="stretch")
            st.caption(_share_words(shares))
    with st.expander("The numbers", key="correct-numbers", bind="query-params") as table:
        if table.open:
            rows = [
                {
                    "correct": f"{share.group} of {judged}",
                    "problems": share.problems,
                    "share of problems": interval(share.of_problems),
                    "rollouts": share.rollouts,
                    "kept": share.kept,
                    "open": explore_link(scope_label(scope), correct=f"{share.group} of {judged}"),
                }
                for share in shares
            ]
            st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=OPEN)


def _counts_of(scope: Scope, by: str) -> Any:
    return kept(_counts, scope, "model" if by == "model" else "level")  # the others are counted together


def _counts(scope: Scope, by: str) -> Counts:
    return indexed_counts(index_of(scope), by)


def _rates(scope: Scope, by: str) -> list[GroupRate]:
    return pass_rates(_counts_of(scope, by), by)


def _mixture(scope: Scope, by: str) -> list[Share]:
    return shares(_counts_of(scope, by), by)


def _judged(scope: Scope) -> dict[int, int]:
    return judged_numbers(_counts_of(scope, "level"))


def _by_correct(scope: Scope, judged: int) -> list[Share]:
    return by_correct(_counts_of(scope, "level"), judged)


def _largest(groups: Sequence[Any]) -> list[Any]:
    """The groups with the most problems, in their order."""
    chosen = {id(group) for group in sorted(groups, key=lambda group: -group.problems)[:MOST]}
    return [group for group in groups if id(group) in chosen]


def _selected(scope: Scope) -> bool:
    """True with a selection to show; else the reason is shown."""
    if scope.decided:
        return True
    if scope.run is not None and scope.run.recipe.get("cell"):
        st.info("An evaluation selects nothing: all of its rollouts are measured.")
    else:
        st.info("Nothing is selected yet: the run has not reached its decisions.")
    return False


def _rate_words(scope: Scope, by: str) -> str:
    words = rate_words(scope.prefix, inert(scope.step))
    words += " 95% intervals." if scope.prefix is not None else " Descriptions of this pool, not measurements."
    models = [] if scope.prefix is not None else [str(rate.group) for rate in kept(_rates, scope, "model")]
    if by != "model" and len(models) > 1:  # where a prefix is fixed, one engine drew it
        names = inert(", ".join(models))
        words += f" Each rate pools the rollouts of {len(models)} models: {names}. By model shows each separately."
    return words


def _share_words(mixture: Sequence[Share]) -> str:
    rollouts, kept_ones = sum(share.rollouts for share in mixture), sum(share.kept for share in mixture)
    return f"Shares of {counted(rollouts, 'rollout')} and of the {kept_ones:,} kept. 95% intervals, clusters sampled whole."


def _numbers(rates: Sequence[GroupRate], mixture: Sequence[Share], by: str, scope: Scope) -> pd.DataFrame:
    rows = []
    for rate, share in zip(rates, mixture, strict=True):
        group = visible(rate.group) if isinstance(rate.group, str) else rate.group
        estimate = rate.estimate
        rows.append(
            {
                by: "none" if group is None else str(group),
                "pass rate": interval(estimate),
                "problems": rate.problems,
                "judged": rate.judged,
                "correct": rate.correct,
                "undecided": rate.undecided,
                "rollouts": rate.rollouts,
                "kept": rate.kept,
                "before": interval(share.before),
                "after": interval(share.after),
                "clusters": None if estimate is None else estimate.clusters,
                "method": "" if estimate is None else estimate.method,
                "estimand": "" if estimate is None else estimate.estimand,
                "open": explore_link(scope_label(scope), **dict[str, Any]({by: rate.group})),
            }
        )
    return pd.DataFrame(rows)
