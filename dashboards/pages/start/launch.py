"""The start of a run: its limits and profile, the confirmation with command and price, and what follows a click."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.session.address import PAGES, link
from rollmill.dashboards.session.commands import may_write, read_only_reason, typed
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.session.started import Started, start
from rollmill.kind import Result
from rollmill.storage.queries import runs
from rollmill.storage.queries.recipes import profile_files

NO_PROFILE = "none"
ABOUT_PREFECT = (
    "Its stages as tasks of a Prefect server, which takes seconds to start where none is up; the rows are the same."
)
PILOT = "new-pilot"  # key of the button that draws one
LAST = "new-started"  # the command that this session started last
POLL = "0.5s"
WAITS: Mapping[Result, str] = {
    "run": "Starting: the run opens",
    "training": "Starting: the rows are exported",
    "experiment": "Starting",
    "version": "Making the version",
    "": "Drawing a pilot",
}
"""What a command does before it comes to its result."""


@dataclass(frozen=True)
class StartOptions:
    """Options of a start beside the recipe's keys: they change no row. `prefect`: None for a verb without that choice."""

    profile: str | None
    max_tokens: int | None
    max_cost: str
    prefect: bool | None

    def machine(self) -> list[str]:
        """The profile as an option."""
        return [] if self.profile is None else ["--profile", self.profile]

    def pilot(self) -> list[str]:
        """Options for a pilot."""
        return [*self.machine(), *([] if self.max_tokens is None else ["--max-tokens", str(self.max_tokens)])]

    def run(self) -> list[str]:
        """Options for a run."""
        cost = [f"--max-cost={self.max_cost}"] if self.max_cost else []
        return [*self.pilot(), *cost, *([] if self.prefect is None else ["--prefect" if self.prefect else "--direct"])]

    def sentence(self) -> str:
        """The limits in words."""
        limits = [] if self.max_tokens is None else [f"{self.max_tokens:,} tokens"]
        limits += [f"{self.max_cost} of money"] if self.max_cost else []
        if limits:
            return f"Drawing ends at {' or '.join(limits)}; what was drawn is kept, and a higher limit goes on."
        return "No limit is set: it draws until its budget ends, or until somebody cancels it."


def choose_terms(place: str, *, limits: bool = True, prefect: bool = True) -> StartOptions:
    """Widgets for limits and profile; for the profile alone without `limits`. `prefect`: also that of Prefect."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        profiles = [NO_PROFILE, *profile_files(reader())]
        help_text = "Workers, servers, prices and limits of this machine: it changes no row."
        profile = st.selectbox(
            "Profile",
            profiles,
            key=f"{place}-profile",
            help=help_text,
            format_func=visible,
            persist_state="session",
            width=200,
        )
        chosen = None if profile == NO_PROFILE else profile
        if not limits:
            return StartOptions(chosen, None, "", prefect=None)
        tokens = st.number_input(
            "Most tokens", 0, None, None, 100_000, key=f"{place}-tokens", placeholder="no limit", persist_state="session",
            help="Tokens in and out that the run may take in all its commands.", width=150,
        )  # fmt: skip
        cost = st.text_input(
            "Most money", key=f"{place}-cost", placeholder="no limit", persist_state="session",
            help="In the currency of the profile's prices.", width=120, max_chars=40,
        )  # fmt: skip
        tasks = None
        if prefect:
            tasks = st.toggle("Under Prefect", key=f"{place}-prefect", persist_state="session", help=ABOUT_PREFECT)
    return StartOptions(chosen, None if tokens is None else int(tokens), cost.strip(), tasks)


def command_of(verb: str, recipe: str, sets: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """A command on a recipe with overrides; each override is one argument behind its --set."""
    path = recipe if recipe[0].isalnum() else f"./{recipe}"
    return [verb, path, *(word for text in sets for word in ("--set", text)), *options]


def start_button(label: str, command: Sequence[str], about: Sequence[str], *, key: str, why: str | None = None) -> bool:
    """A button that asks, with command and price in view, and then starts the command. True while it asks.

    `why`: the reason why it cannot be started now.
    """
    last: Started | None = st.session_state.get(LAST)
    starts = "The last command that you started here still works." if last is not None and last.status is None else None
    reason = (starts or why) if may_write() else read_only_reason()
    look: Any = {"type": "secondary" if key == PILOT else "primary", "icon": ":material/play_arrow:"}
    if reason is not None:
        st.button(label, key=f"{key}-off", disabled=True, help=reason, **look)
        st.caption(inert(reason, 600))
        return False
    place = st.popover(label, key=f"{key}-asks", on_change="rerun", **look)
    with place:
        st.code(visible(typed(command)), language=None, wrap_lines=True)
        for sentence in about:
            st.markdown(inert(sentence, 600))
        st.button(
            f"Yes, {label[:1].lower()}{label[1:]}", key=key, on_click=_clicked, args=(key, tuple(command)), type="primary"
        )
    return bool(place.open)


def _clicked(key: str, command: tuple[str, ...]) -> None:
    started = start(command)  # the second click of two finds the first one's
    if started is not None:
        st.session_state[LAST] = started
        st.session_state[f"{key}-asks"] = False  # closes the question


def follow_started() -> None:
    """Go to the run or training that this session started, once it is known; say how a command ended that never came to
    one.
    """
    started: Started | None = st.session_state.get(LAST)
    if started is None or started.words[0] == "dataset":
        return
    if started.run is not None and started.result == "training":
        st.session_state.pop(LAST)
        st.switch_page(st.session_state[PAGES]["Models"], query_params={"training": started.run})
    if started.run is not None and started.result == "experiment":
        st.session_state.pop(LAST)
        chosen = {"view": "Trials and loops", "experiment": started.run}
        st.switch_page(st.session_state[PAGES]["Models"], query_params=chosen)
    if started.run is not None:
        st.session_state.pop(LAST)
        cell = reader().runs.get(started.run).recipe.get("cell")
        if cell is not None and started.status == 0:
            st.switch_page(st.session_state[PAGES]["Compare"], query_params={"evaluation": cell["evaluation"]})
        shown = started.run if cell is None else str(cell["evaluation"])
        st.switch_page(st.session_state[PAGES]["Runs"], query_params={"run": shown})
    if started.status is None:
        st.fragment(_wait, run_every=POLL)(started)
        return
    if started.status == 0 and started.kind is not None and started.kind.recipe is None:
        st.session_state.pop(LAST)  # its forecast is shown
        return
    with st.container(border=True):
        what = "a run" if started.kind is None or not started.result else started.kind.a_result
        st.error(f"The command ended before it came to {what}." if started.status else "The command is done.")
        st.code(visible(started.output), language=None, wrap_lines=True)
        st.button("Close", key="new-close", on_click=lambda: st.session_state.pop(LAST, None))


def _wait(started: Started) -> None:
    if started.status is not None or started.run is not None:
        st.rerun()
    st.info(f"{WAITS[started.result]}. It goes on by itself when this page is closed.", icon=":material/hourglass_top:")
    output = started.output.partition("\n")[2].strip()
    if output:
        st.code(visible(output), language=None, wrap_lines=True)


def running(hashes: Sequence[str]) -> str | None:
    """The run of one of these recipes that works now."""
    return next((run.id for run in runs(reader()) if run.status == "running" and run.recipe_hash in hashes), None)


def show_running(run: str) -> None:
    """Draw a link to the run of this recipe, with the same keys, that is running now."""
    link("Runs", f"Run {inert(run)} works now", icon=":material/play_circle:", run=run)
