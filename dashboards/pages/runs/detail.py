"""Detail of a run: progress, timeline and funnel, gate with links to the problems that fail it, cost and log."""

from typing import Any

import pandas as pd
import streamlit as st

from rollmill.dashboards.inert import LONGEST, inert, visible
from rollmill.dashboards.pages.runs.charts import (
    PICK,
    SAMPLED,
    funnel_bars,
    funnel_chart,
    span_label,
    timeline_chart,
)
from rollmill.dashboards.pages.runs.cost import show_cost
from rollmill.dashboards.pages.runs.refusal import NEXT_TAB, checks_of, dismiss_button, show_refusal
from rollmill.dashboards.pages.runs.steps import show_steps
from rollmill.dashboards.pages.runs.sweep import chosen_words, is_swept
from rollmill.dashboards.parts.activity import UNFINISHED, left_of
from rollmill.dashboards.session.address import PAGES, explore_link, explore_parameters, link
from rollmill.dashboards.session.commands import command_button
from rollmill.dashboards.session.kept import kept
from rollmill.dashboards.session.scope import reader
from rollmill.ground.replies.faults import lines_of_run
from rollmill.stats import whole_of
from rollmill.storage.queries import Funnel, Run, StageProgress, funnel, run_progress, run_scope
from rollmill.storage.queries.run_history import RunTimes, problems_named, run_outputs, run_times

REFRESH_COUNTS = "10s"  # of the funnel of a running run: it is counted over all rows
MOST_OUTPUTS = 3  # of the commands that worked on a run
RESULTS = {True: "passed", False: "failed", None: "not run"}  # of a check
CHECKS = {
    "check": st.column_config.MultiselectColumn(
        options=list(RESULTS.values()), color=["green", "red", "gray"], width="small"
    ),
    "name": st.column_config.TextColumn(width=150),
}
STAGES = {
    **{name: st.column_config.NumberColumn(format="localized") for name in ("done", "of")},
    "last told": st.column_config.DatetimeColumn("last report, UTC", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
}
TABS = ("Progress", "Steps", "Gate", "Cost and forecast", "Log")


def show_run(run: Run, every: str) -> None:
    """Draw the run; its changing parts are redrawn `every` so often while it works."""
    works = run.status == "running"
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.subheader(inert(run.id))
        _actions(run)
    _state(run)
    if NEXT_TAB in st.session_state:
        st.session_state["tab"] = st.session_state.pop(NEXT_TAB)
    progress, steps, gate, cost, log = st.tabs(TABS, key="tab", bind="query-params", on_change="rerun")
    if progress.open:
        with progress:
            left, right = st.columns([3, 2])
            with right:
                st.fragment(_stages, run_every=every if works else None)(run)
            with left:
                st.fragment(_counts, run_every=REFRESH_COUNTS if works else None)(run)
    if steps.open:
        with steps:
            show_steps(run)
    if gate.open:
        with gate:
            _gate(run)
    if cost.open:
        with cost:
            show_cost(run)
    if log.open:
        with log:
            _log(run)


def _actions(run: Run) -> None:
    """Commands that a person may run on it, including the next one."""
    with st.container(horizontal=True, width="content", vertical_alignment="center"):
        if run.status == "running":
            command_button("Cancel", ["runs", "cancel", run.id], key=f"cancel-{run.id}", confirm=True)
        elif run.status in UNFINISHED and not run.refused:  # a gate that refused once would refuse again
            if not run.recipe.get("cell"):
                help_text = "Continues where it stopped, also after this page is closed."
                command_button("Resume", ["runs", "resume", run.id], key=f"resume-{run.id}", help=help_text, wait=5)
            dismiss_button(run)
        if cell := run.recipe.get("cell"):
            link("Runs", "Its evaluation", icon=":material/grid_on:", run=str(cell["evaluation"]))
        link("Difficulty", "Difficulty", of=f"run {run.id}")


def _state(run: Run) -> None:
    if run.refused:
        show_refusal(run)
    elif run.status == "dismissed":
        st.info("This run was dismissed: it needs no further action. Committed rows are kept.")
    elif run.status == "interrupted":
        st.info("Somebody stopped this run. What was committed is kept; the next command goes on.")
    elif run.status == "killed":
        st.warning("This run was killed: no process works on it. What was committed is kept; the next command goes on.")
    elif run.error:
        st.error("The run crashed.")
    elif is_swept(run):
        st.success(chosen_words(run))
    for text in lines_of_run(run.summary):
        st.warning(inert(text, 600))
    if run.error and run.status != "interrupted" and not (run.refused and checks_of(run)):
        st.code(visible(run.error), language=None, wrap_lines=True)


def _stages(run: Run) -> None:
    """The stages with their rates, and the time left."""
    stages = run_progress(reader(), run.id)
    left = left_of(stages) if run.status == "running" else None
    if left is not None:
        st.markdown(f"**{inert(left)}** until everything is drawn and judged; 95% interval of the run's own forecast.")
    for stage in stages:
        # Of a run that is done no round is left, whatever its last round forecast.
        whole = stage.total if run.status == "done" else whole_of(stage.detail, stage.total)["median"]
        st.progress(min(1.0, stage.done / whole if whole else 0.0), text=_line(stage, whole))
    st.caption("Next command")
    st.code(run.next_command, language=None, wrap_lines=True)


def _line(stage: StageProgress, whole: float) -> str:
    """A stage's progress in a line: done of total, number to come, rate, tokens."""
    parts = [f"{inert(stage.stage)} {stage.done:,} / {stage.total:,}"]
    if whole > stage.total:
        parts.append(f"about {whole:,.0f} in all rounds")
    if "round" in stage.detail:
        parts.append(f"round {stage.detail['round']}")
    if stage.rate and stage.stage in SAMPLED:  # not meaningful for other stages: they do one thing, or all at once
        parts.append(f"{stage.rate:,.0f}/s")
    if stage.tokens:
        parts.append(f"{stage.tokens:,} tokens")
    return " · ".join(parts)


def _counts(run: Run) -> None:
    counts = kept(funnel, run_scope(reader(), run.id))
    with st.container(horizontal=True, gap="medium"):
        st.metric("Problems", f"{counts.problems:,}", width="content")
        st.metric("Planned rollouts", f"{counts.planned:,}", width="content")
        st.metric("Correct", f"{counts.correct:,}", width="content", help="of those judged: not undecided, not pending")
        st.metric("Undecided", f"{counts.undecided:,}", width="content", help="the verifier's own limit: in no rate")
        unpublished = counts.kept is not None and not run.published
        words = "published none" if unpublished else None
        st.metric("Selected" if unpublished else "Kept", _kept(run, counts), width="content", help=words)
    st.markdown("**Funnel**, rollouts; a bar opens Explore")
    _funnel(run, counts)
    times = run_times(reader(), run.id)
    if times.spans:
        st.markdown("**Timeline**, by stage and round")
        _timeline(run, times)


def _kept(run: Run, counts: Funnel) -> str:
    if counts.kept is not None:
        return f"{counts.kept:,}"
    if run.recipe.get("cell") or is_swept(run):
        return "all measured"
    return "not yet"


def _funnel(run: Run, counts: Funnel) -> None:
    """The funnel; a bar opens its rollouts in Explore."""
    bars = funnel_bars(counts, published=run.published)
    facets = {name: shown for name, _, _, shown in bars if shown is not None}
    name = _picked(st.altair_chart(funnel_chart(bars), key=f"funnel-{run.id}", on_select="rerun", selection_mode=PICK))
    if name in facets:
        st.switch_page(
            st.session_state[PAGES]["Explore"],
            query_params=explore_parameters(f"run {run.id}", rows="rollouts", **facets[name]),
        )


def _timeline(run: Run, times: RunTimes) -> None:
    """The timeline; a bar opens the results of its stage: problems, rollouts, selected ones, the gate's checks, the
    version.
    """
    name = _picked(
        st.altair_chart(timeline_chart(times.spans), key=f"timeline-{run.id}", on_select="rerun", selection_mode=PICK)
    )
    if times.seconds is not None and times.between is not None:
        inside = times.seconds - times.between
        st.caption(
            f"{times.seconds:,.1f} s: {inside:,.1f} s in these stages, {times.between:,.1f} s between them (engines and "
            "servers start, stored rows are read, rounds are planned). A pause between two commands is not counted."
        )
    stage = next((span.stage for span in times.spans if span_label(span) == name), None)
    pages = st.session_state[PAGES]
    if stage == "gate":
        st.session_state[NEXT_TAB] = "Gate"
        st.rerun()
    elif stage == "publish" and run.published:
        version = f"{run.dataset}@v{run.summary['version']}"
        st.switch_page(pages["Datasets"], query_params={"dataset": run.dataset, "version": version})
    elif stage is not None:
        rows, facets = (
            ("problems", {}) if stage == "synthesize" else ("rollouts", {"kept": "yes"} if stage == "select" else {})
        )
        st.switch_page(pages["Explore"], query_params=explore_parameters(f"run {run.id}", rows=rows, **facets))


def _picked(event: Any) -> str | None:
    """The name of a clicked bar."""
    return next((str(point["stage"]) for point in event["selection"][PICK]), None)


def _gate(run: Run) -> None:
    """The checks of the gate's last run; each failing row opens in Explore."""
    checks = checks_of(run)
    if not checks:
        st.info("The gate has not run yet, or this run is older than the record of its checks.")
        return
    names = ("name", "expected", "observed")
    order = sorted(checks, key=lambda check: check["passed"] is not False)  # failed checks come first
    rows = [{"check": [RESULTS[check["passed"]]], **{name: visible(check[name]) for name in names}} for check in order]
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, width="stretch", height=35 * (len(rows) + 1) + 3, column_config=CHECKS
    )
    for check in checks:
        if check["failing"] and check["passed"] is False:
            st.markdown(f"**{inert(check['name'])}**: {check['failing_count']:,} rows against it")
            problems = problems_named(run_scope(reader(), run.id), check["failing"])
            _offenders(run, problems)
            if not problems:
                st.code(visible("\n".join(check["failing"])), language=None)


def _offenders(run: Run, problems: list[str]) -> None:
    table = pd.DataFrame({"problem": [explore_link(f"run {run.id}", problem=problem) for problem in problems]})
    shown = st.column_config.LinkColumn("open in Explore", display_text="problem=(.*)")
    if problems:
        st.dataframe(table, hide_index=True, column_config={"problem": shown})


def _log(run: Run) -> None:
    """Log of its work from the ledger: the last report of each stage, and every call of its engines."""
    seconds = run_times(reader(), run.id).stages
    stages = [
        {
            "stage": s.stage,
            "done": s.done,
            "of": s.total,
            "seconds": round(seconds.get(s.stage, s.seconds), 1),
            "last told": s.updated_at,
        }
        for s in run_progress(reader(), run.id)
    ]
    st.dataframe(pd.DataFrame(stages), hide_index=True, width="stretch", column_config=STAGES)
    st.markdown("**Calls of its engines**")
    tried = [
        {
            "engine": visible(attempt.replica),
            "outcome": visible(attempt.outcome),
            "calls": attempt.count,
            "seconds": round(attempt.seconds, 1),
            "first": pd.Timestamp(attempt.first_at, unit="s", tz="UTC"),
            "last": pd.Timestamp(attempt.last_at, unit="s", tz="UTC"),
        }
        for attempt in reader().attempts.of(run.id)
    ]
    if tried:
        st.dataframe(pd.DataFrame(tried), hide_index=True, width="stretch")
    else:
        st.caption("None were recorded: an engine in this process has no calls that fail.")
    for output in run_outputs(reader(), run.id)[:MOST_OUTPUTS]:
        st.markdown("**Output of a command that a page started**")
        st.code(visible(output.read_text(encoding="utf-8", errors="replace")[-LONGEST:]), language=None, wrap_lines=True)
    st.code(f"rollmill runs show {run.id}", language=None)
