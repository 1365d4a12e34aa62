"""Home: running runs, tasks for a person, next firings, the latest versions and recent cost; each with one action."""

import time
from collections.abc import Sequence

import streamlit as st

from dashboards.inert import inert
from dashboards.parts.activity import REFRESH_LIVE, UNFINISHED, follow_runs, left_of, next_scheduled
from dashboards.session.address import link
from dashboards.session.kept import kept_of
from dashboards.session.scope import nothing_yet, reader
from pipelines.stats import whole_of
from storage.queries import Reader, Run, datasets, run_progress, runs, versions_of
from storage.queries.cost import money_text

MOST = 5  # lines of a card
WEEK = 7 * 24 * 3600.0


def show() -> None:
    """Draw the page."""
    st.title("Home")
    summaries = runs(reader())
    if not summaries:
        nothing_yet("No run yet. The main job needs no GPU and no download:")
        return
    link("New run", "New run", icon=":material/add_circle:")
    working = [run for run in summaries if run.status == "running"]
    follow_runs(summaries)
    left, right = st.columns(2)
    with left:
        with st.container(border=True):
            st.markdown("#### Running")
            st.fragment(_running, run_every=REFRESH_LIVE if working else None)(working[:MOST])
        with st.container(border=True):
            st.markdown("#### Needs you")
            _show_open_tasks(summaries)
        with st.container(border=True):
            st.markdown("#### Spent in the last 7 days")
            _spent({run.id: run for run in summaries})
    with right:
        with st.container(border=True):
            st.markdown("#### Next scheduled")
            _show_next_firings()
        with st.container(border=True):
            st.markdown("#### Newest versions")
            _versions()


def _running(working: Sequence[Run]) -> None:
    if not working:
        st.caption("No run works now.")
        st.code("rollmill curate recipes/arithmetic.yaml", language=None, wrap_lines=True)
    for run in working:
        stages = run_progress(reader(), run.id)
        latest = max(stages, key=lambda stage: stage.updated_at, default=None)
        link("Runs", f"**{inert(run.id)}**", run=run.id)
        if latest is not None:
            whole, left = whole_of(latest.detail, latest.total)["median"], left_of(stages)
            text = f"{inert(latest.stage)} {latest.done:,} of {'about ' if whole > latest.total else ''}{whole:,.0f}"
            text += f" · {inert(left)}" if left is not None else ""
            st.progress(min(1.0, latest.done / whole if whole else 0.0), text=text)


def _show_open_tasks(summaries: Sequence[Run]) -> None:
    """The newest run of each recipe if it did not end well, and its undecided rollouts."""
    # The latest come first, so in reverse the newest run of a recipe is set last.
    newest = {run.name: run for run in reversed(summaries) if not run.is_pilot}
    waiting = [run for run in summaries if run is newest.get(run.name) and run.status in UNFINISHED]
    for run in waiting[:MOST]:
        why = "was refused by its gate" if run.refused else UNFINISHED[run.status]
        link("Runs", f"{inert(run.id)} {why}", icon=":material/error:", run=run.id)
    undecided = [(run, int(run.summary.get("funnel", {}).get("undecided", 0))) for run in newest.values()]
    open_ones = [(run, count) for run, count in undecided if count]
    for run, count in open_ones[:MOST]:
        link("Review", f"{count:,} rollouts of {inert(run.id)} are undecided", icon=":material/fact_check:")
    if not waiting and not open_ones:
        st.caption("Nothing: every recipe's newest run ended well, and nothing is undecided.")


def _show_next_firings() -> None:
    rows = next_scheduled()
    for name, when in rows:
        link("Schedules", f"{inert(name)}: {inert(when)}", schedule=name)
    if not rows:
        st.caption("Nothing fires next.")
        st.code('rollmill schedule add recipes/arithmetic.yaml --cron "0 2 * * *"', language=None, wrap_lines=True)


def _versions() -> None:
    versions = kept_of(reader(), _newest)
    for ref, name, rows, kept in versions[:MOST]:
        link("Datasets", f"{inert(ref)}: {kept:,} of {rows:,} rollouts kept", dataset=name, version=ref)
    if not versions:
        st.caption("No dataset version yet: a run publishes one when its gate passes.")


def _newest(source: Reader) -> list[tuple[str, str, int, int]]:
    """(reference, dataset, rollouts, kept) of every dataset's newest version, the latest first."""
    every = [(row.name, version) for row in datasets(source) if row.newest for version in versions_of(source, row.name)]
    latest = sorted(every, key=lambda pair: str(pair[1].created_at), reverse=True)[:MOST]
    return [(version.ref, name, version.rows, version.kept) for name, version in latest]


def _spent(known: dict[str, Run]) -> None:
    paid = reader().spending.since(time.time() - WEEK)
    for run, sums in sorted(paid.items(), key=lambda pair: -pair[1].tokens)[:MOST]:
        money = money_text(sums, known[run].summary.get("currency")) if run in known else "-"
        cost = f"{sums.tokens:,} tokens{'' if money == '-' else f', {money}'}"
        link("Runs", f"{inert(run)}: {cost}", run=run, tab="Cost and forecast")
    if not paid:
        st.caption("Nothing was drawn in the last 7 days.")
    elif len(paid) > MOST:
        st.caption(f"And {len(paid) - MOST:,} more runs. In total {sum(sums.tokens for sums in paid.values()):,} tokens.")
