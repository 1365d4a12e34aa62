"""Claims: what papers say, what was predicted of it before anything was drawn, and what the check gave, seed by seed."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from dashboards.inert import inert, visible
from dashboards.parts.charts import PALETTE, AnyChart
from dashboards.session.address import choose
from dashboards.session.scope import reader
from storage.queries.claims import STATUSES, claim_results

Row = Mapping[str, Any]
ALL = "all"


def show() -> None:
    """Draw the page."""
    st.title("Claims")
    results = claim_results(reader().root)
    if not results:
        st.info("No claim was checked in this workspace yet. One check draws what it needs; without a name all are run.")
        st.code("rollmill claims list\nrollmill claims run best-of-many-settings", language=None)
        return
    counts = {status: sum(row["status"] == status for row in results.values()) for status in STATUSES}
    st.caption(", ".join(f"{count} {status}" for status, count in counts.items()) + f"; {len(results)} were checked here.")
    wanted = st.segmented_control("Status", [ALL, *STATUSES], default=ALL, required=True, key="status", bind="query-params")
    rows = {name: row for name, row in results.items() if wanted in (ALL, row["status"])}
    if not rows:
        st.info(f"None is {wanted}.")
        return
    table = [{"claim": name, "status": row["status"], "statement": visible(row["statement"])} for name, row in rows.items()]
    columns = {"statement": st.column_config.TextColumn(width="large")}
    st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch", column_config=columns)
    _claim(rows[choose("Claim", list(rows), "claim")])


def _claim(row: Row) -> None:
    """One claim: what it says and how far that reaches, each effect as predicted and as measured."""
    st.subheader(inert(row["claim"]))
    st.markdown(f"**{inert(row['status']).capitalize()}.** {inert(row['statement'], 1000)}")
    st.caption(f"{inert(row['source'], 400)}. It cannot say: {inert(row['reach'], 1000)}")
    if row["why"]:
        st.info(inert(row["why"], 600))
        return
    predicted = {effect["effect"]: effect["words"] for effect in row["expected"]}
    effects = [
        {
            "effect": visible(effect["effect"]),
            "predicted": visible(predicted.get(effect["effect"], "")),
            "measured [95%]": _measured(effect),
            "as predicted": f"{effect['met']} of {effect['seeds']}",
            "n": effect["n"],
            "reproduced": "yes" if effect["reproduced"] else "no",
        }
        for effect in row["effects"]
    ]
    columns = {"effect": st.column_config.TextColumn(width=260)}  # the rest has room on a narrow page too
    st.dataframe(pd.DataFrame(effects), hide_index=True, width="stretch", column_config=columns)
    if any(effect["seeds"] > 1 for effect in row["effects"]):
        st.altair_chart(_by_seed(row), width="stretch")
        st.caption("A point a seed, with its 95% interval where the check has one; the line is no effect.")
    st.code(f"rollmill claims run {row['claim']}", language=None)


def _measured(effect: Row) -> str:
    ends = [format(end, "+.3f") if end is not None else "open" for end in (effect["low"], effect["high"])]
    return f"{effect['value']:+.3f} [{', '.join(ends)}]"


def _by_seed(row: Row) -> AnyChart:
    rows = [
        {"effect": visible(effect["effect"]), "seed": part["seed"], **{end: part[end] for end in ("value", "low", "high")}}
        for effect in row["effects"]
        for part in effect["by_seed"]
    ]
    base = alt.Chart().encode(
        y=alt.Y("seed:O", title="seed"),
        tooltip=["effect", "seed", *(alt.Tooltip(f"{end}:Q", format="+.3f") for end in ("value", "low", "high"))],
    )
    zero = alt.Chart().mark_rule(strokeDash=[4, 4], color=PALETTE[6]).encode(x=alt.datum(0.0))
    rules = base.mark_rule(strokeWidth=2, color=PALETTE[0]).encode(x=alt.X("low:Q", title="effect"), x2="high:Q")
    marks = base.mark_point(filled=True, size=70, opacity=1, color=PALETTE[0]).encode(x="value:Q")
    panel = alt.layer(zero, rules, marks, data=pd.DataFrame(rows)).properties(height=alt.Step(20), width=520)
    facets: AnyChart = panel.facet(alt.Facet("effect:N", title=None), columns=1).resolve_scale(x="independent")
    return facets
