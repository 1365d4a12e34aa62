"""Claims: the boards of published numbers, mechanisms and implementation checks, as `rollmill claims run` measured them."""

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from rollmill.methods import PALETTE, chart_of_rows, choose, forget_old, inert, reader, visible
from rollmill_papers.claims.boards import BOARDS, STATUSES, claim_results, counts

Row = Mapping[str, Any]
ALL = "all"
SAYS = {
    "numbers": "The paper's own figure and ours, from the outputs that it released.",
    "mechanisms": "Whether the effect is there on the shipped model, or on recorded rollouts where it says so.",
    "checks": "Effects that mathematics or the simulated law forces: they test our code, and no paper is credited.",
}


def show() -> None:
    """Draw the page."""
    st.title("Claims")
    results = claim_results(reader().root)
    if not results:
        st.info("No claim was checked in this workspace yet. A check draws its own completions; without a name all run.")
        st.code("rollmill claims list\nrollmill claims run best-of-many-settings", language=None)
        return
    there = [board for board in BOARDS if any(row["board"] == board for row in results.values())]
    asked = results.get(st.query_params.get("claim", ""), {})  # a link to a claim opens its board
    board = st.segmented_control(
        "Board",
        there,
        default=asked.get("board", there[0]),
        required=True,
        format_func=BOARDS.__getitem__,
        key="board",
        bind="query-params",
    )
    mine = {name: row for name, row in results.items() if row["board"] == board}
    were = "claim was" if len(mine) == 1 else "claims were"
    st.caption(f"{SAYS[board]} {len(mine)} {were} checked here: {counts(mine.values())}.")
    wanted = st.segmented_control("Status", [ALL, *STATUSES], default=ALL, required=True, key="status", bind="query-params")
    rows = {name: row for name, row in mine.items() if wanted in (ALL, row["status"])}
    if not rows:
        st.info(f"None is {wanted}.")
        return
    if st.query_params.get("claim") in results.keys() - rows.keys():
        forget_old(("claim",))  # the filters leave it out
    if board == "numbers":
        _numbers(rows)
    else:
        table = [
            {"claim": name, "status": row["status"], "statement": visible(row["statement"])} for name, row in rows.items()
        ]
        _table(table, statement=st.column_config.TextColumn(width="large"))
    chosen = rows[choose("Claim", list(rows), "claim")]
    _head(chosen)
    if board == "numbers":
        _number(chosen)
    else:
        _effects(chosen)
    st.code(f"rollmill claims run {chosen['claim']}", language=None)


def _table(rows: list[dict[str, Any]], **columns: Any) -> None:
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", column_config=columns)


def _head(row: Row) -> None:
    """A claim's statement, the paper's own sentence, and the limits of the check."""
    st.subheader(inert(row["claim"]))
    st.markdown(f"**{inert(row['status']).capitalize()}.** {inert(row.get('statement', row.get('where', '')), 1000)}")
    if row["says"]:
        st.markdown(f"> {inert(row['says'], 1000)}")
    reach = f" It cannot say: {inert(row['reach'], 1000)}" if "reach" in row else ""
    st.caption(f"{inert(row['source'], 400)}.{reach}")
    if row["why"]:
        st.info(inert(row["why"], 600))


def _numbers(rows: Mapping[str, Row]) -> None:
    """Every number with the paper's, and a chart of both with our intervals."""
    table = [
        {
            "claim": name,
            "status": row["status"],
            "published": row["published"],
            "ours [95%]": _measured(row["ours"], "") if row["ours"] else "",
            "labels": row["labels"],
            "n": row["ours"]["n"] if row["ours"] else None,
            "where": visible(row["where"]),
        }
        for name, row in rows.items()
    ]
    figures = {name: st.column_config.NumberColumn(format="%.3f") for name in ("published", "labels")}
    _table(table, **figures)
    measured = [
        {"claim": visible(name), "published": row["published"], **row["ours"]} for name, row in rows.items() if row["ours"]
    ]
    if measured:
        st.altair_chart(_beside_ours(measured), width="stretch")
        st.caption("A point is ours with its 95% interval over problems, a diamond the paper's figure where it prints one.")


def _beside_ours(rows: list[dict[str, Any]]) -> Any:
    figures = (alt.Tooltip(f"{name}:Q", format=".3f") for name in ("published", "value", "low", "high"))
    tooltip: list[Any] = ["claim", *figures, "n"]
    base = alt.Chart(pd.DataFrame(rows)).encode(
        y=alt.Y("claim:N", title=None, sort=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)), tooltip=tooltip
    )
    rules = base.mark_rule(strokeWidth=2, color=PALETTE[0]).encode(
        x=alt.X("low:Q", title="share right, or difference"), x2="high:Q"
    )
    ours = base.mark_point(filled=True, size=50, opacity=1, color=PALETTE[0]).encode(x="value:Q")
    printed = base.mark_point(shape="diamond", size=70, opacity=1, color=PALETTE[1]).encode(x="published:Q")
    return chart_of_rows(alt.layer(rules, ours, printed), len({row["claim"] for row in rows}), 16)


def _number(row: Row) -> None:
    """A number with its published value, and possible reasons for a difference."""
    st.caption(f"{inert(row['note'], 1000)} {inert(row['output'], 300)}: {inert(row['about'], 1000)}".strip())
    if row["beside"]:
        _table(
            [
                {"beside it": visible(part["label"]), "value [95%]": _measured(part, ""), "n": part["n"]}
                for part in row["beside"]
            ]
        )


def _effects(row: Row) -> None:
    """Each effect as predicted and as measured, seed by seed."""
    if not row["effects"]:
        return
    predicted = {effect["effect"]: effect["words"] for effect in row["expected"]}
    effects = [
        {
            "effect": visible(effect["effect"]),
            "predicted": visible(predicted.get(effect["effect"], "")),
            "measured [95%]": _measured(effect),
            "as predicted": f"{effect['met']} of {effect['seeds']}",
            "n": effect["n"],
            "status": effect["status"],
        }
        for effect in row["effects"]
    ]
    _table(effects, effect=st.column_config.TextColumn(width=260))  # the other columns fit on a narrow page too
    if any(effect["seeds"] > 1 for effect in row["effects"]):
        st.altair_chart(_by_seed(row), width="stretch")
        st.caption("One point per seed, with its 95% interval if the check has one; the line marks no effect.")


def _measured(effect: Row, sign: str = "+") -> str:
    """The value with its interval, if the check has one."""
    if effect["low"] is None and effect["high"] is None:
        return f"{effect['value']:{sign}.3f}"
    ends = [format(end, f"{sign}.3f") if end is not None else "open" for end in (effect["low"], effect["high"])]
    return f"{effect['value']:{sign}.3f} [{', '.join(ends)}]"


def _by_seed(row: Row) -> Any:
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
    return panel.facet(alt.Facet("effect:N", title=None), columns=1).resolve_scale(x="independent")
