"""Datasets: the versions of a dataset and their changes; card, quality report, gate, drift, export."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import inert, inert_page, one_line, page_sections, visible
from rollmill.dashboards.pages.datasets.actions import show_export, show_marks, show_remote
from rollmill.dashboards.pages.datasets.charts import (
    changed_words,
    drift_chart,
    gate_chart,
    gate_numbers,
    graph_chart,
    rate_history,
)
from rollmill.dashboards.pages.datasets.mixture import show_mixture
from rollmill.dashboards.parts.charts import AnyChart, Spec, spec_of
from rollmill.dashboards.session.address import choose, link
from rollmill.dashboards.session.commands import command_button
from rollmill.dashboards.session.kept import steps_of
from rollmill.dashboards.session.scope import nothing_yet, reader
from rollmill.dashboards.session.version_page import report_address
from rollmill.dashboards.units import counted, moment
from rollmill.metrics import DRIFT_KINDS
from rollmill.storage.queries import Reader, datasets, version_card, version_manifest
from rollmill.storage.queries.histories.dataset_history import drift_rows, history_stamp

if TYPE_CHECKING:
    from rollmill.storage.queries import VersionStep

REPORT_HEIGHT = 1200  # pixels: the height of a report is unknown before it is drawn
CHANCE = "chance alone"  # a number of a gate that the tab Drift shows beside the distance
SHOWN = 10  # rows of the table of versions before it scrolls
DRIFT_COLUMNS = {
    "distance": "value",
    "low": "low",
    "high": "high",
    "by chance": "chance",
    "p": "p",
    "n before": "n_before",
    "n after": "n_after",
    "clusters": "clusters",
}
NARROW, WIDER = 72, 86  # pixels
COLUMNS: dict[str, Any] = {
    "problems": st.column_config.NumberColumn(format="localized", width=NARROW),
    "rollouts": st.column_config.NumberColumn(format="localized", width=66),
    "kept": st.column_config.NumberColumn(format="localized", width=56),
    "kept change": st.column_config.NumberColumn(format="%+d", width=WIDER),
    "pass rate": st.column_config.NumberColumn(format="%.3f", width=NARROW),
    "rate change": st.column_config.NumberColumn(format="%+.3f", width=WIDER),
    **{name: st.column_config.TextColumn(width=60) for name in ("version", "tags", "after")},
    "made (UTC)": st.column_config.TextColumn(width=118),
    "what changed": st.column_config.TextColumn(width=150),
    "here": st.column_config.CheckboxColumn(width=50, help="its rows are in this clone"),
    "DVC": st.column_config.CheckboxColumn(width=50, help="tracked by DVC, so that it can be pushed and pulled"),
}
MIXTURE = "Mixture"  # the tab that only a mixture has


def show() -> None:
    """Draw the page."""
    st.title("Datasets")
    summaries = datasets(reader())
    if not summaries:
        nothing_yet("No dataset version yet.")
        return
    name = choose("Dataset", [row.name for row in summaries], "dataset", forget=("version", "before", "after"))
    steps = steps_of(reader(), name)
    if not steps:
        nothing_yet(f"{name} has no versions left.")
        return
    named = {step.info.ref: step for step in steps}
    step = named[choose("Version", list(named), "version")]
    left, right = st.columns([3, 2])
    with left:
        st.markdown("**Rows kept, version after version** · a line joins a version to the one it came after")
        _show(_chart_spec(name, "graph", lambda: graph_chart(steps)))
    with right:
        rates = _chart_spec(name, "rates", lambda: rate_history(steps))
        st.markdown("**Pass rate** · first completions of each problem, 95% interval over templates")
        if rates is None:
            st.caption("None of these versions measured a pass rate: nothing was fixed before a verdict.")
        else:
            _show({**rates, "height": 230})
    _table(steps)
    _head(step)
    _tabs(step, steps)


def _chart_spec(name: str, chart: str, make: Callable[[], AnyChart | None]) -> Spec | None:
    """A chart of a dataset's versions, made once for each history."""
    source = reader()
    return spec_of((str(source.root), name, history_stamp(source, name)), chart, make)


def _show(spec: Spec | None) -> None:
    if spec is not None:
        st.vega_lite_chart(spec, width="stretch")


def _table(steps: "Sequence[VersionStep]") -> None:
    """Every version with its change; a click on a row chooses the version."""
    frame = pd.DataFrame(
        {
            "version": [f"v{step.info.number}" for step in steps],
            "tags": [visible(", ".join(step.info.tags)) for step in steps],
            "made (UTC)": [moment(str(step.info.created_at)) for step in steps],
            "after": ["" if step.parent is None else f"v{step.parent.number}" for step in steps],
            "problems": [step.info.problems for step in steps],
            "rollouts": [step.info.rows for step in steps],
            "kept": [step.info.kept for step in steps],
            "kept change": [step.kept_change for step in steps],
            "pass rate": [step.rate.get("pass_rate") for step in steps],
            "rate change": [step.rate_change for step in steps],
            "what changed": [changed_words(step) for step in steps],
            "yanked": [one_line(step.info.yanked or "") for step in steps],
            "here": [step.here for step in steps],
            "DVC": [step.tracked for step in steps],
        }
    )
    references = [step.info.ref for step in steps]

    def clicked() -> None:
        rows = st.session_state["versions"].selection.rows
        if rows:
            st.query_params["version"] = references[rows[0]]

    st.dataframe(
        frame.drop(columns=[name for name in ("tags", "yanked") if not frame[name].any()]),
        hide_index=True,
        height=35 * (min(len(frame), SHOWN) + 1) + 3,
        column_config=COLUMNS,
        key="versions",
        placeholder="",
        on_select=clicked,
        selection_mode="single-row",
    )


def _head(step: "VersionStep") -> None:
    """The chosen version: its state in words, the place of its rows, and the next steps."""
    info = step.info
    st.header(info.ref, anchor=False)
    row = st.container(horizontal=True, vertical_alignment="center")
    for tag in info.tags:
        row.badge(inert(tag, 40), icon=":material/sell:", color="violet")
    if info.yanked is not None:
        row.badge(f"yanked: {inert(info.yanked, 80)}", icon=":material/block:", color="red")
    for word in info.signoffs:
        row.badge(f"signed off by {inert(word.by, 40)}, {word.at[:10]}", icon=":material/verified:", color="green")
    row.badge("rows here" if step.here else "rows not here", color="green" if step.here else "orange")
    row.badge("tracked by DVC" if step.tracked else "not in DVC", color="blue" if step.tracked else "gray")
    with row:
        link("New run", "Run its recipe again or changed", icon=":material/add_circle:", **{"from": f"version {info.ref}"})
    if step.parent is not None:
        with row:
            before, after = step.parent.ref, info.ref
            link("Diff", f"What changed since v{step.parent.number}", dataset=info.name, before=before, after=after)
    if not step.here:
        st.info("The rows, the card and the quality report of this version are not in this clone.")
        command_button("Pull the rows", ["dataset", "pull", "--", info.ref], key=f"pull-{info.ref}")


def _tabs(step: "VersionStep", steps: "Sequence[VersionStep]") -> None:
    """Tabs of the chosen version; the content of a hidden tab is not made."""
    shows: dict[str, Callable[[], None]] = {
        "Card": partial(_card, step),
        **({MIXTURE: partial(show_mixture, step)} if step.mixture else {}),
        "Quality report": partial(_report, step),
        "Gates": partial(_gates, steps),
        "Drift": partial(_drift, step, steps),
        "Export and load": partial(show_export, step),
        "Tags and sign-off": partial(_marks, step),
        "Manifest": partial(_manifest, step),
    }
    for tab, draw in zip(st.tabs(list(shows), key="tab", bind="query-params"), shows.values(), strict=True):
        with tab:
            if tab.open:
                draw()


def _report(step: "VersionStep") -> None:
    if step.here:
        st.iframe(report_address(step.info.ref), height=REPORT_HEIGHT)


def _marks(step: "VersionStep") -> None:
    show_marks(step)
    show_remote(step.info.name)


def _manifest(step: "VersionStep") -> None:
    st.json(version_manifest(reader(), step.info.ref), expanded=1)


def _card(step: "VersionStep") -> None:
    """The summary of the card, with its other sections collapsed; nothing without local rows."""
    if not step.here:
        return
    text = version_card(reader(), step.info.ref)
    sections = page_sections(text.partition("\n---\n")[2] if text.startswith("---\n") else text)
    st.markdown(inert_page(sections[0][1].partition("\n")[2].strip()))  # its title is the version's, shown above
    for heading, section in sections[1:]:
        with st.expander(inert(heading)):
            st.markdown(inert_page(section))


def _gates(steps: "Sequence[VersionStep]") -> None:
    """Every number of the gates over the versions, with the limits of the recipes."""
    series = gate_numbers(steps)
    without = sum(not step.gate for step in steps)
    if not series:
        st.info("These versions were published before gates kept their numbers; the next one has them.")
        return
    # A check that counts failing rows allows none: a line at 0 for each would show nothing.
    clean = {check for check, what in series if all(point["value"] == 0 == point["most"] for point in series[check, what])}
    st.caption(
        "Every check of every version's gate. Dashes are the ends that the recipe set: at least in orange, at most in red. "
        "A version that failed was not published. "
        + (f"{counted(without, 'older version')} did not keep these numbers. " if without else "")
        + (f"No row ever failed: {', '.join(sorted(clean))}." if clean else "")
    )
    tries = next(((step.info.ref, step.attempts) for step in steps if step.attempts), None)
    if tries:
        st.caption(f"Every look is a chance to pass by luck; gate attempts up to {tries[0]}: {tries[1]:,}.")
    columns = st.columns(2)
    plotted = [(key, points) for key, points in series.items() if key[0] not in clean and key[1] != CHANCE]
    for place, ((check, what), points) in enumerate(plotted):
        title = f"{check}: {what}"
        with columns[place % 2]:
            _show(_chart_spec(steps[0].info.name, f"gate {title}", partial(gate_chart, steps, title, points)))


def _drift(step: "VersionStep", steps: "Sequence[VersionStep]") -> None:
    """Drift of each version from the one before, and the shares of the chosen one."""
    st.caption(
        "The share of the kept rows that would have to change their group (total variation distance, 0 to 1); of pass "
        "rates the difference. Bars: 95% intervals, templates as clusters. Grey: what two versions of one "
        "composition exceed in one of twenty. Red: the limit of the recipe's gate (`gate: {max_drift: 0.1}`)."
    )
    name = step.info.name
    drawings = (_chart_spec(name, f"drift {kind}", partial(drift_chart, steps, kind)) for kind in DRIFT_KINDS)
    charts = [chart for chart in drawings if chart is not None]
    columns = st.columns(2)
    for place, chart in enumerate(charts):
        with columns[place % 2]:
            _show(chart)
    if not charts:
        st.info("No version was compared with the one before it when it was published; the next one will be.")
    rows, against = {kind: step.drift[kind] for kind in DRIFT_KINDS if kind in step.drift}, step.drift_from
    if not rows and step.parent is not None and step.here:
        against = step.parent
        if st.button(f"Measure {step.info.ref} against {against.ref} now", key=f"measure-{step.info.ref}"):
            rows = _measured(against.content_hash, step.info.content_hash, against.ref, step.info.ref, reader())
    if rows:
        st.subheader(f"{step.info.ref} against {'an earlier version' if against is None else against.ref}", anchor=False)
        st.dataframe(_drift_table(rows), hide_index=True)
        for kind, row in rows.items():
            if row.get("shares"):
                with st.expander(f"{kind.replace('_', ' ')}: shares before and after"):
                    st.dataframe(_shares(row["shares"]), hide_index=True)


@st.cache_data(show_spinner="Measuring", max_entries=50)
def _measured(before: str, after: str, old: str, new: str, _reader: Reader) -> dict[str, Any]:  # noqa: ARG001 (the key)
    return dict(drift_rows(_reader, old, new))


def _drift_table(rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "of": kind.replace("_", " "),
                **{name: row.get(key) for name, key in DRIFT_COLUMNS.items()},
                "method": row.get("method") or row.get("missing"),
            }
            for kind, row in rows.items()
        ]
    )


def _shares(shares: dict[str, list[float]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"group": visible(name), "before": before, "after": after, "change": after - before}
            for name, (before, after) in shares.items()
        ]
    )
