"""Reconciliation of a mixture on the page Datasets: declared and actual shares of its sources, kept and dropped rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, one_line, visible
from rollmill.dashboards.parts.charts import (
    BLUE,
    ORANGE,
    PALETTE,
    AnyChart,
    Spec,
    chart_of_rows,
    count_axis,
    number_tips,
    spec_of,
)
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import counted

if TYPE_CHECKING:
    from rollmill.storage.queries import VersionStep

Row = Mapping[str, Any]
ROW = 40  # pixels of a source
MOST_REASONS = len(PALETTE) - 2  # reasons with a colour of their own, beside kept rows and the rest
KEPT, REST = "kept", "other reasons"


def show_mixture(step: "VersionStep") -> None:
    """Draw the declared and actual shares, the rows by what became of them, and the numbers behind both."""
    mixture = step.mixture
    sources: Sequence[Row] = mixture["sources"]
    declared = mixture.get("declared")
    unit = "" if mixture.get("unit", "row") == "row" else f", kept or dropped by {mixture['unit']}"
    st.caption(
        inert(
            f"{counted(int(mixture['kept']), 'row')} of {counted(len(sources), 'source')}"
            f"{'' if declared is None else f', {declared:,} declared'}{unit}; tolerance {mixture.get('tolerance', 0):g}. "
            "Rows are those that each source kept itself. Counts that are not the declared ones are not published.",
            400,
        )
    )
    left, right = st.columns(2)
    with left:
        st.markdown("**Shares** · bar: actual share of the kept rows, orange mark: declared share")
        st.vega_lite_chart(_spec(step, "mixture shares", lambda: share_chart(sources)), width="stretch")
    with right:
        st.markdown("**Rows of each source** · kept, or dropped by the first reason that holds")
        st.vega_lite_chart(_spec(step, "mixture rows", lambda: rows_chart(sources)), width="stretch")
    shares = {name: st.column_config.NumberColumn(format="%.3f") for name in ("declared share", "actual share")}
    st.dataframe(count_table(sources), hide_index=True, width="stretch", column_config=shares)
    missed = missed_table(sources)
    if not missed.empty:
        st.markdown("**Rows that miss each threshold**, whichever they miss first")
        st.dataframe(missed, hide_index=True, width="stretch")


def _spec(step: "VersionStep", chart: str, make: Any) -> Spec:
    spec = spec_of((str(reader().root), step.info.content_hash, step.info.ref), chart, make)
    assert spec is not None
    return spec


def _sources(names: Sequence[str]) -> alt.Y:
    return alt.Y("source:N", title=None, sort=list(names), axis=alt.Axis(labelLimit=220, ticks=False))


def share_chart(sources: Sequence[Row]) -> AnyChart:
    """A bar with the actual share of each source, and a mark at the declared one where the mixture declares any."""
    rows = [
        {
            "source": one_line(source["source"], 40),
            "actual share": source["share"],
            "declared share": source["declared_share"],
            "kept": source["kept"],
            "declared": source["declared"],
        }
        for source in sources
    ]
    frame = pd.DataFrame(rows)
    tips: list[Any] = ["source", *number_tips(("actual share", "declared share"), ".4f"), "kept", "declared"]
    names = [row["source"] for row in rows]
    x = alt.X("actual share:Q", title="share of the kept rows", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format=".1f"))
    base = alt.Chart(frame).encode(y=_sources(names), tooltip=tips)
    layers: list[Any] = [base.mark_bar(color=BLUE, height=16).encode(x=x)]
    stated = frame[frame["declared share"].notna()]
    if len(stated):
        marks = alt.Chart(stated).mark_tick(color=ORANGE, thickness=4, height=28, opacity=1)
        layers.append(marks.encode(y=_sources(names), x=alt.X("declared share:Q"), tooltip=tips))
    return chart_of_rows(alt.layer(*layers), len(names), ROW)


def fates(source: Row) -> dict[str, int]:
    """Number of the rows that a source kept itself, by what the mixture did with them: kept first, then each reason."""
    return {KEPT: int(source["kept"]), **{str(reason): int(count) for reason, count in source["dropped"].items()}}


def named_reasons(sources: Sequence[Row]) -> list[str]:
    """The reasons of dropped rows that have a colour of their own, the commonest first."""
    totals: Counter[str] = Counter()
    for source in sources:
        totals.update({reason: count for reason, count in fates(source).items() if reason != KEPT})
    return [reason for reason, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:MOST_REASONS]]


def rows_chart(sources: Sequence[Row]) -> AnyChart:
    """A bar of each source's rows, in parts: kept, and dropped by reason; rare reasons are one part."""
    reasons, shown = named_reasons(sources), Counter[tuple[str, str]]()
    for source in sources:
        for fate, count in fates(source).items():
            shown[one_line(source["source"], 40), fate if fate == KEPT or fate in reasons else REST] += count
    order = [KEPT, *reasons, *([REST] if any(fate == REST for _, fate in shown) else [])]
    frame = pd.DataFrame(
        [
            {"source": source, "fate": one_line(fate, 40), "rows": count, "place": order.index(fate)}
            for (source, fate), count in shown.items()
        ]
    )
    domain = [one_line(fate, 40) for fate in order]
    legend = alt.Legend(orient="top", title=None, columns=3, labelLimit=180)
    names = list(dict.fromkeys(frame["source"]))
    bars = alt.Chart(frame).mark_bar(height=22)
    whole = bars.encode(
        y=_sources(names),
        x=alt.X("rows:Q", title="rows", axis=count_axis(tickMinStep=1)),
        color=alt.Color("fate:N", scale=alt.Scale(domain=domain, range=list(PALETTE[: len(domain)])), legend=legend),
        order=alt.Order("place:Q"),
        tooltip=["source", "fate", alt.Tooltip("rows:Q", format=",")],
    )
    return chart_of_rows(whole, len(names), ROW)


def count_table(sources: Sequence[Row]) -> pd.DataFrame:
    """The reconciled counts, a row for each source and one for all; a column for each reason of dropped rows."""
    reasons = list(dict.fromkeys(reason for source in sources for reason in fates(source) if reason != KEPT))
    rows = [
        {
            "source": visible(source["source"]),
            "of": visible(source["ref"]),
            "declared rows": source["declared"],
            "declared share": source["declared_share"],
            "actual share": source["share"],
            "rows": source["rows"],
            "kept": source["kept"],
            **{f"dropped: {visible(reason)}": fates(source).get(reason, 0) for reason in reasons},
            "licences": visible(", ".join(source["licences"])),
        }
        for source in sources
    ]
    counts = ["rows", "kept", *(f"dropped: {visible(reason)}" for reason in reasons)]
    stated = [source["declared"] for source in sources if source["declared"] is not None]
    whole = {
        "source": "all",
        "of": "",
        "declared rows": sum(stated) if stated else None,
        "declared share": 1.0 if stated else None,
        "actual share": 1.0 if any(row["kept"] for row in rows) else 0.0,
        **{name: sum(row[name] for row in rows) for name in counts},
        "licences": "",
    }
    return pd.DataFrame([*rows, whole])


def missed_table(sources: Sequence[Row]) -> pd.DataFrame:
    """Rows of each source that miss a threshold, a column for each; empty for a mixture without thresholds."""
    names = list(dict.fromkeys(name for source in sources for name in source.get("missed") or {}))
    if not names:
        return pd.DataFrame()
    return pd.DataFrame(
        [
            {
                "source": visible(source["source"]),
                **{visible(name): (source.get("missed") or {}).get(name) for name in names},
            }
            for source in sources
        ]
    )
