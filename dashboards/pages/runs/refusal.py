"""A run that its gate refused: each number outside its limit, the rows against it, and ways to ask again or to dismiss."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.pages.runs.charts import limit_chart, limit_words
from rollmill.dashboards.session.address import PAGES, explore_parameters, forget_old
from rollmill.dashboards.session.commands import command_button, typed
from rollmill.dashboards.session.scope import reader
from rollmill.ground.job_command import command_words
from rollmill.pipelines.own_jobs import is_own_job
from rollmill.storage.queries import Run, run_progress, runs

Check = Mapping[str, Any]
FIRST_TAB = {"tab": "Progress"}  # of another run
NEXT_TAB = "runs-tab"  # the tab to be opened: set before the tabs are drawn, which then stand in the address
WAIT = 5.0  # seconds; the new run is then followed on its own page
FACETS = {"min_kept": {"kept": "no"}, "max_undecided": {"outcome": "undecided"}}  # of the rows against a limit


def checks_of(run: Run) -> list[Check]:
    """The checks of the gate's last look at a run; empty if there was none."""
    detail = next((stage.detail for stage in run_progress(reader(), run.id) if stage.stage == "gate"), {})
    return list(detail.get("checks", ()))


def show_refusal(run: Run) -> None:
    """Draw what the gate refused, with what a person can do about it."""
    funnel = run.summary["funnel"]
    st.warning(f"The gate refused this run: selected {funnel.get('kept', 0):,}, published none. Its rollouts are stored.")
    failed = [check for check in checks_of(run) if check["passed"] is not True]
    for check in failed:
        with st.container(border=True):
            st.markdown(
                f"**{inert(check['name'])}**: expected {inert(check['expected'])}, found {inert(check['observed'])}"
            )
            for measure in check.get("outside", ()):
                _measure(measure)
            with st.container(horizontal=True, vertical_alignment="center"):
                _rows_against(run, check)
                for option in dict.fromkeys(measure["option"] for measure in check.get("outside", ()) if measure["option"]):
                    _ask_again(run, option)
    dismiss_button(run)
    _begun(run)


def dismiss_button(run: Run) -> None:
    """Draw the button that marks an ended run as dealt with."""
    words = "It needs no further action, and Home no longer lists it. Its rollouts stay, and `runs resume` continues it."
    command_button("Dismiss", ["runs", "dismiss", run.id], key=f"dismiss-{run.id}", help=words)


def _measure(measure: Mapping[str, Any]) -> None:
    st.caption(f"{inert(measure['what'])}: {limit_words(measure)}")
    st.altair_chart(limit_chart(measure), width="stretch")


def _rows_against(run: Run, check: Check) -> None:
    """Link to the rows in Explore where a facet shows them, else to their list under Gate."""
    facets: dict[str, Any] = {}
    for option in (measure["option"] for measure in check.get("outside", ())):
        head, _, part = option.partition(".")
        facets |= FACETS.get(head, {})
        if head == "level_shares":
            facets["level"] = [*facets.get("level", ()), part]
    if facets:
        parameters = explore_parameters(f"run {run.id}", rows="rollouts", **facets)
        page = st.session_state[PAGES]["Explore"]
        st.page_link(page, label="Rows against it", icon=":material/search:", query_params=parameters)
    elif check["failing"]:
        words = "The first of them are listed under Gate."
        if st.button("Rows against it", key=f"against-{run.id}-{check['name']}", icon=":material/search:", help=words):
            st.session_state[NEXT_TAB] = "Gate"


def _ask_again(run: Run, option: str) -> None:
    """The inputs for a limit, and the command that runs the recipe with it."""
    with st.popover("Change the limit and ask again", icon=":material/edit:"):
        head, _, part = option.partition(".")
        before = run.recipe.get("gate", {}).get(head)
        old = before.get(part) if part and isinstance(before, Mapping) else before
        st.caption(
            "What is drawn and judged is not drawn again. The gate counts the attempt: of many looks, one passes by luck."
        )
        new = list(_inputs(run, option, old if isinstance(old, list) else [old]))
        value: Any = new if isinstance(old, list) else new[0]
        if value == old:
            st.caption("Change the limit to ask again.")
            return
        whole = {**before, part: value} if part and isinstance(before, Mapping) else value
        words = command_words(run.recipe["job"], {f"gate.{head}": json.dumps(whole)})
        st.code(typed(words), language=None, wrap_lines=True)
        if is_own_job(run.recipe["job"], reader().root):
            command_button("Ask again", words, key=f"again-{run.id}-{option}", wait=WAIT)
        else:
            st.caption("You did not run this recipe and profile in this folder: read them, then run the command yourself.")


def _inputs(run: Run, option: str, old: list[Any]) -> Iterator[Any]:
    """A number for each end of the limit."""
    ends = [""] if len(old) == 1 else [", at least", ", at most"]
    for end, value in zip(ends, old, strict=True):
        whole = isinstance(value, int) and not isinstance(value, bool)
        yield st.number_input(
            f"gate.{option}{end}",
            value=value if whole else float(value),
            min_value=0 if whole else 0.0,
            step=1 if whole else 0.01,
            format="%d" if whole else "%.4f",
            key=f"limit-{run.id}-{option}{end}",
        )


def _begun(run: Run) -> None:
    """Button that opens the run that was begun after this one, by this page or by anybody."""
    later = next((other for other in runs(reader()) if other.name == run.name), run)
    if later.id != run.id and later.started_at > run.started_at:
        # A link to the page that is open already would not change its address.
        icon, label = ":material/arrow_forward:", f"Newest run of this recipe: {inert(later.id)}"
        st.button(label, key=f"later-{run.id}", icon=icon, on_click=open_run, args=(later.id,))


def open_run(run: str) -> None:
    """Choose a run in the address, for callbacks of this page."""
    st.query_params["run"] = run
    forget_old((), FIRST_TAB)
