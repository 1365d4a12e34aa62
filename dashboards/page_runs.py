"""Runs: the runs with live progress, one run's funnel with every drop reason, and the command to type next."""

import pandas as pd
import streamlit as st

from dashboards.address import choose
from dashboards.charts import funnel_chart
from dashboards.inert import inert, visible
from dashboards.kept import kept, kept_of
from dashboards.scope_choice import nothing_yet, reader
from storage.queries import Funnel, Progress, Run, funnel, run_progress, run_scope, runs
from storage.queries.cost import RunCost, money_text, run_cost
from storage.queries.reader import forecast_of

REFRESH_LIVE = "2s"
REFRESH_IDLE = "10s"  # a run that another terminal begins shows up by itself
TOTALS = ("draws", "tokens_in", "tokens_out", "tokens", "solved", "kept")  # of a forecast, without those by level


def show() -> None:
    """Draw the page."""
    st.title("Runs")
    summaries = {run.id: run for run in runs(reader())}
    if not summaries:
        nothing_yet("No run yet. The main job needs no GPU and no download:")
        return
    live = any(run.status == "running" for run in summaries.values())
    st.fragment(_runs, run_every=REFRESH_LIVE if live else REFRESH_IDLE)(list(summaries.values()))
    run = summaries[choose("Run", list(summaries), "run", where=st.container())]
    if run.status == "running":
        st.fragment(_show_run, run_every=REFRESH_LIVE)(run)
    else:
        _show_run(run)


def _runs(known: list[Run]) -> None:
    """The table; the whole page anew when a run began, ended or was killed. Whoever reads an older run stays there."""
    summaries = runs(reader())
    if [(run.id, run.status) for run in summaries] != [(run.id, run.status) for run in known]:
        st.rerun()
    st.dataframe(_table(summaries), hide_index=True, width="stretch")


def _table(summaries: list[Run]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "run": [run.id for run in summaries],
            "recipe": [run.name for run in summaries],
            "status": [run.state for run in summaries],
            "dataset": [run.dataset for run in summaries],
            "started": [run.started_at.strftime("%Y-%m-%d %H:%M:%S") for run in summaries],
            "seconds": [
                None if run.finished_at is None else round((run.finished_at - run.started_at).total_seconds(), 1)
                for run in summaries
            ],
        }
    )


def _show_run(run: Run) -> None:
    st.subheader(inert(run.id))
    if run.refused:
        st.warning("The gate refused this run: nothing is published, and its rollouts are stored.")
    elif run.status == "interrupted":
        st.info("Somebody stopped this run. What was committed is kept; the next command goes on.")
    elif run.status == "killed":
        st.warning("This run was killed: no process works on it. What was committed is kept; the next command goes on.")
    elif run.error:
        st.error("The run crashed.")
    if run.error and run.status != "interrupted":
        st.code(visible(run.error), language=None, wrap_lines=True)
    counts = kept(funnel, run_scope(reader(), run.id))
    _numbers(run, counts)
    left, right = st.columns([3, 2])
    with left:
        st.markdown("**Funnel**")
        st.altair_chart(funnel_chart(counts), width="stretch")
    with right:
        st.markdown("**Stages**")
        for stage in run_progress(reader(), run.id):
            st.progress(min(1.0, stage.share or 0.0), text=_line(stage))
        st.markdown("**Next command**")
        st.code(run.next_command, language=None, wrap_lines=True)
    show_cost(run)


def _kept(run: Run, counts: Funnel) -> str:
    if counts.kept is not None:
        return f"{counts.kept:,}"
    return "all measured" if run.recipe.get("cell") else "not yet"


def _numbers(run: Run, counts: Funnel) -> None:
    with st.container(horizontal=True, gap="large"):
        st.metric("Problems", f"{counts.problems:,}", width="content")
        st.metric("Planned rollouts", f"{counts.planned:,}", width="content")
        st.metric("Correct", f"{counts.correct:,}", width="content", help="of those judged: not undecided, not pending")
        st.metric("Undecided", f"{counts.undecided:,}", width="content", help="the verifier's own limit: in no rate")
        st.metric("Kept", _kept(run, counts), width="content")


def _line(stage: Progress) -> str:
    """One stage in a line: done of total, rate, time left, tokens."""
    parts = [f"{inert(stage.stage)} {stage.done:,} / {stage.total:,}"]
    if stage.rate:
        parts.append(f"{stage.rate:,.0f}/s")
        left = max(0, stage.total - stage.done) / stage.rate
        if left > 1:
            parts.append(f"{left:,.0f} s left")
    if stage.tokens:
        parts.append(f"{stage.tokens:,} tokens")
    return " · ".join(parts)


def show_cost(run: Run) -> None:
    """Draw the tables; nothing while a run draws, as the page is drawn every two seconds then."""
    if run.status == "running":
        return
    cost = kept_of(reader(), run_cost, run.id)
    if cost.whole.represented.completions:
        st.markdown("**Cost**")
        st.dataframe(_cost_table(cost, run.summary.get("currency")), hide_index=True, width="stretch")
        whole = cost.whole
        each = "no row kept yet" if whole.tokens_per_kept is None else f"{whole.tokens_per_kept:,.1f} tokens per kept row"
        failed = f"; {whole.failed:,} calls failed, and what a server bills for those is not known" if whole.failed else ""
        st.caption(f"{each} (n = {whole.kept:,}); {whole.calls:,} calls{failed}")
    forecast = forecast_of(reader(), run.id)
    if forecast is not None:
        totals = forecast[forecast["quantity"].isin(TOTALS)]
        held = int(forecast["held"].sum())
        st.markdown("**Forecast and what came**")
        st.dataframe(totals, hide_index=True, width="stretch")
        st.caption(f"{held} of {len(forecast)} 95% intervals held, those of the levels included.")


def _counted(tokens: int, known: int | bool) -> str:
    """Imports come without counts: completions of no token were not counted."""
    return f"{tokens:,}" if known else "not counted"


def _cost_table(cost: RunCost, currency: str | None) -> pd.DataFrame:
    whole = cost.whole
    rows = {"represented": whole.represented, "spent by this run": whole.spent, "reused": whole.represented - whole.spent}
    if cost.again.completions:
        rows["drawn again"] = cost.again
    if cost.votes.completions:
        rows["judges' votes"] = cost.votes
    if cost.scoring.completions:
        rows["scorers"] = cost.scoring
    return pd.DataFrame(
        {
            "": list(rows),
            "completions": [sums.completions for sums in rows.values()],
            "tokens in": [_counted(sums.tokens_in, sums.tokens_out or not sums.completions) for sums in rows.values()],
            "tokens out": [_counted(sums.tokens_out, sums.tokens_out or not sums.completions) for sums in rows.values()],
            "engine seconds": [round(sums.seconds, 1) for sums in rows.values()],
            "money": [money_text(sums, currency) for sums in rows.values()],
        }
    )
