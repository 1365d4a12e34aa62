"""Datasets: versions with card, quality report and manifest, and what changed between two of them."""

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from dashboards.address import choose
from dashboards.inert import inert, inert_page, visible
from dashboards.scope_choice import nothing_yet, reader
from storage.queries import compare, datasets, version_card, version_manifest, version_report, versions_of

if TYPE_CHECKING:
    from storage.queries import VersionInfo

REPORT_HEIGHT = 1200  # pixels: a report's length is not known before it is drawn


def show() -> None:
    """Draw the page."""
    st.title("Datasets")
    summaries = datasets(reader())
    if not summaries:
        nothing_yet("No dataset version yet.")
        return
    name = choose("Dataset", [row.name for row in summaries], "dataset", where=st.container(), forget=("version",))
    versions = versions_of(reader(), name)
    st.dataframe(_table(versions), hide_index=True, width="stretch")
    chosen = choose("Version", [version.ref for version in versions], "version", where=st.container())
    card, report, manifest, changes = st.tabs(
        ["Card", "Quality report", "Manifest", "Compare two versions"], key="tab", bind="query-params"
    )
    with card:  # what stands under a hidden tab is not made
        if card.open:
            text = version_card(reader(), chosen)
            st.markdown(inert_page(text.partition("\n---\n")[2] if text.startswith("---\n") else text))
    with report:
        if report.open:
            st.iframe(_isolated(version_report(reader(), chosen)), height=REPORT_HEIGHT)
    with manifest:
        if manifest.open:
            st.json(version_manifest(reader(), chosen), expanded=1)
    with changes:
        if changes.open:
            _compare([version.ref for version in versions if version.fetched])


def _isolated(page: str) -> str:
    """A report as a data address: the browser gives it an origin of its own, so it cannot reach the dashboard."""
    return "data:text/html;base64," + base64.b64encode(page.encode()).decode()


def _table(versions: Sequence["VersionInfo"]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "version": [version.ref for version in versions],
            "content": [version.content_hash[:12] for version in versions],
            "parent": [(version.parent or "")[:12] for version in versions],
            "created": [version.created_at for version in versions],
            "problems": [version.problems for version in versions],
            "rollouts": [version.rows for version in versions],
            "kept": [version.kept for version in versions],
            "tags": [visible(", ".join(version.tags)) for version in versions],
            "yanked": [visible(version.yanked or "") for version in versions],
            "rows here": [version.fetched for version in versions],
        }
    )


def _compare(references: Sequence[str]) -> None:
    if len(references) < 2:
        st.info("There is one version only. Change the recipe and curate again to get a second.")
        return
    left, right = st.columns(2)
    before = choose("Before", [references[1], references[0], *references[2:]], "before", where=left)
    after = choose("After", references, "after", where=right)
    changes = compare(reader(), before, after)
    if changes.same_content:
        st.success("The two versions hold the same content.")
    rows = changes.json()
    _section("Recipe", rows["recipe"])
    _section("Verifiers", rows["verifiers"])
    _section("Engine and libraries", rows["fingerprint"])
    columns = st.columns(2)
    with columns[0]:
        _counts("Problems", asdict(changes.problems))
    with columns[1]:
        _counts("Rollouts", asdict(changes.rollouts))
    _section("Kept before, dropped after", rows["kept_to_dropped"])
    _section("Dropped before, kept after", rows["dropped_to_kept"])
    _section("Outcomes that changed", rows["outcome_flips"])
    _section("Pass rate by level", rows["levels"])
    _section("Metrics", rows["metrics"])


def _counts(title: str, members: dict[str, Any]) -> None:
    st.markdown(f"**{inert(title)}**")
    st.dataframe(pd.DataFrame([members]).astype(str), hide_index=True, width="stretch")


def _section(title: str, rows: Sequence[dict[str, Any]]) -> None:
    st.markdown(f"**{inert(title)}**")
    if not rows:
        st.caption("no change")
        return
    st.dataframe(pd.DataFrame(rows).astype(str), hide_index=True, width="stretch")
