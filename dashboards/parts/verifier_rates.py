"""The table of how often verifiers err, overall and by difficulty band: with n, interval, estimand and method."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.units import counted
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.storage.queries.judge.audits import RATES, KnownRates

COLUMNS = {
    "pass rate of problem": st.column_config.TextColumn(
        "band", width=60, help="of the problem's pass rate as the verifier sees it"
    ),
    "verifier": st.column_config.TextColumn(width=60),
    **{name: st.column_config.NumberColumn(width=72) for name in ("rollouts", "accepted", "audited")},
    **{label: st.column_config.TextColumn(width=140) for _, label in RATES},
}


def show_rates(known: Sequence[KnownRates]) -> None:
    """Draw a table over every audited verifier, and a line for each without an audit."""
    rows = rate_rows(known)
    if rows:
        st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=COLUMNS)
    for rates in known:
        if rates.report is None:
            st.caption(
                f"{inert(rates.verifier)}: not audited, its errors are not measured. Version {inert(rates.version)}."
            )
        else:
            st.caption(_method(rates))
        if rates.planted is not None:  # under its label, so that nobody takes it for a rate
            label, kinds = rates.planted["label"], rates.planted["kinds"].items()
            shares = "; ".join(f"{kind} {row['as_expected']:,} of {row['n']:,} {row['expected']}" for kind, row in kinds)
            st.caption(inert(f"{label}: {shares} (audit {rates.planted['audit']}).", longest=1_000))


def rate_rows(known: Sequence[KnownRates]) -> list[dict[str, Any]]:
    """A row per verifier and band, `all` first."""
    return [
        {
            "verifier": rates.verifier,
            "pass rate of problem": band,
            **{key: row[key] for key in ("rollouts", "accepted", "audited")},
            **{label: interval(row[key]) for key, label in RATES},
        }
        for rates in known
        if rates.report is not None
        for band, row in [("all", rates.report["overall"]), *rates.report["bands"].items()]
    ]


def interval(rate: Mapping[str, Any] | None) -> str:
    """A rate in words."""
    return "-" if rate is None else with_interval(rate["value"], rate["low"], rate["high"])


def _method(known: KnownRates) -> str:
    """Source of one verifier's numbers, in a sentence."""
    report: Mapping[str, Any] = known.report or {}
    rates = [rate for key, _ in RATES if (rate := report["overall"][key]) is not None]
    estimands = "; ".join(dict.fromkeys(f"{rate['estimand']} ({rate['method']})" for rate in rates))
    unsure = f", {report['unsure']:,} could not be judged" if report["unsure"] else ""
    sentence = (
        f"{known.verifier} {known.version}: {counted(report['n'], 'random rollout')} of {known.source} judged by people"
        f"{unsure} (audit {known.audit}). "
        f"{f'95% intervals. {estimands}' if rates else 'A rate needs some of every stratum judged'}."
    )
    return inert(sentence, longest=1_000)
