"""The server of the schedules, on Home and Schedules: its state, and the button that starts or ends it."""

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.parts.activity import REFRESH_IDLE, REFRESH_LIVE
from rollmill.dashboards.session.commands import show_done, silent_button
from rollmill.dashboards.session.scope import reader
from rollmill.storage.queries import Service
from rollmill.storage.queries.schedules import is_parent, service

UP = ("up", "--dashboard", "0")  # without a dashboard of its own: this one goes on
DOWN = ("down",)
NOT_SERVED = "Schedules are not served"


def show_service(state: Service, waiting: int) -> None:
    """Draw the state, with a button that starts the server or, after a question, ends it. `waiting`: schedules for it."""
    if state.status == "up":
        st.caption(f":material/check_circle: {inert(state.line(), 300)}")
    elif state.alive:
        st.info(inert(state.line(), 1000), icon=":material/hourglass_top:")
    else:
        wait = {0: "none waits", 1: "one schedule waits"}.get(waiting, f"{waiting:,} schedules wait")
        # Of a server that gave up or was killed the line says why; the command is on the button.
        why = "" if state.status == "down" else f" {inert(state.line().partition(' Next:')[0].replace('`', ''), 1000)}"
        (st.warning if waiting else st.info)(f"{NOT_SERVED}: {wait} for the server.{why}", icon=":material/warning:")
    if state.alive:
        label = "Stop, with this dashboard" if is_parent(state) else "Stop"
        help_text = "Ends the server of the schedules. A run in progress stops and can be resumed."
        done = silent_button(label, DOWN, key="service-stop", help=help_text, confirm=True)
    else:
        help_text = "Starts the server of the schedules; it works on when this page is closed."
        done = silent_button("Start", UP, key="service-start", help=help_text)
    # A result of the other button is of before.
    st.session_state.pop(f"service-{'start' if state.alive else 'stop'}-done", None)
    if done is not None and done.status != 0:
        show_done(done)


def offline_reason(state: Service) -> str:
    """Reason why nothing fires now, for buttons that need the server; nothing while it is up."""
    if state.status == "up":
        return ""
    return "The server of the schedules is not up yet." if state.alive else f"{NOT_SERVED}: start the server first."


def follow_service(state: Service, *, fires: bool) -> None:
    """Redraw the page whenever the server starts or ends, or a firing does. `state`: the one shown; `fires`: one works."""
    busy = fires or state.status in ("starting", "restarting")
    st.fragment(_follow, run_every=REFRESH_LIVE if busy else REFRESH_IDLE)(state.status, reader().firings.counted())


def _follow(status: str, counted: tuple[int, int]) -> None:
    if (service(reader()).status, reader().firings.counted()) != (status, counted):
        st.rerun()
