"""Outcome of a sweep on the page Runs: the chosen arm, its gain on problems that did not choose it, and all rates."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.units import counted
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries import Run

Row = Mapping[str, Any]
ENDS = ("value", "low", "high")
COLUMNS = {
    "tokens": st.column_config.NumberColumn(format="%.1f", help="of a completion, on average"),
    "right per 1,000 tokens": st.column_config.NumberColumn(format="%.2f"),
    "front": st.column_config.CheckboxColumn(help="no other arm is better both in rate and in tokens"),
}


def is_swept(run: Run) -> bool:
    """True for a sweep whose end recorded its outcome."""
    return "sweep" in run.summary


def show_sweep(run: Run) -> None:
    """Draw the rates of a finished sweep, as its report states them: those that chose the arm, and those on the other half
    of the problems.
    """
    outcome = run.summary
    st.markdown("**The half that reports**: problems that chose no arm")
    st.dataframe(arm_table(outcome["reported"]), hide_index=True, width="stretch", column_config=COLUMNS)
    st.markdown("**The half that chose**: these rates chose the arm, so they flatter it")
    st.dataframe(arm_table(outcome["arms"]), hide_index=True, width="stretch", column_config=COLUMNS)
    curse = outcome["curse"]
    if curse is not None:
        st.caption(
            f"Winner's curse: the half that chose shows the chosen arm {_signed(curse)} above the other half. Intervals of "
            "95% are over clusters."
        )
    st.code(visible(f"reports/{outcome['sweep']}/sweep.md"), language=None)


def chosen_words(run: Run) -> str:
    """The outcome of a sweep in a line of Markdown."""
    return f"**Chosen: {inert(run.summary['chosen'])}.** {inert(_gain(run.summary), 400)}"


def _gain(outcome: Row) -> str:
    """The difference to the default setting, with its interval, test and n."""
    chosen, default, gain = outcome["chosen"], outcome["default"], outcome["gain"]
    if chosen == default:
        return "It is the default setting: no other arm was chosen."
    if gain is None:
        return f"No problem of the other half is judged for it and for {default}."
    problems = counted(gain["n"], "problem")
    return f"It is {_signed(gain)} against {default}, p {gain['p']:.3f}, on {problems} that did not choose it."


def _signed(estimate: Row) -> str:
    return with_interval(estimate["value"], estimate["low"], estimate["high"], "+")


def arm_table(rows: Sequence[Row]) -> pd.DataFrame:
    """A row for each arm; settings and front where the half has them."""
    return pd.DataFrame(
        [
            {
                "arm": visible(row["arm"]),
                "pass rate [95%]": "" if (rate := row["rate"]) is None else with_interval(*map(rate.get, ENDS)),
                "problems": row["problems"],
                "completions": row["completions"],
                "tokens": row["tokens"],
                "right per 1,000 tokens": row["right_per_1000_tokens"],
                **({"front": row["front"]} if "settings" in row else {}),
            }
            for row in rows
        ]
    )
