"""The tour of Home: four steps for a first visit. A cookie of the browser keeps that it was closed, for each workspace, so
that it stays closed if no page may write.
"""

import streamlit as st

from rollmill.dashboards.session.address import link
from rollmill.dashboards.session.scope import reader
from rollmill.ground.ids import digest128

STEPS = (  # title, text, and the page that it leads to
    ("Start a run", "A recipe says what is asked, how answers are judged, and which of them are kept.", "New run"),
    ("Watch it", "Progress, time left, cost and the checks of the gate, while it works and after.", "Runs"),
    ("Read rollouts", "Filter by outcome, level or rule, open a problem, and read every answer to it.", "Explore"),
    ("Publish and compare", "A run that passes its gate publishes a version. See what changed in it.", "Datasets"),
)
STATE = "tour"  # in the session: "open" or "closed"; without it the cookie decides
STYLE = "<style>.st-key-tour [data-testid='stColumn'] { min-width: min(100%, 12rem); }</style>"
_JS = """
export default function ({ data }) {
  document.cookie = `${data.cookie}=closed; Max-Age=31536000; Path=/; SameSite=Strict`;
}
"""
_keep_closed = st.components.v2.component("rollmill_tour_closed", js=_JS)


def show_tour() -> None:
    """Draw the tour unless it was closed."""
    if not _is_open():
        # The cookies of a session are those of its beginning: the session keeps the state until the next one.
        if st.session_state.get(STATE) == "closed":
            _keep_closed(key="tour-closed", data={"cookie": _cookie()})
        return
    with st.container(border=True, key="tour"):
        st.html(STYLE)
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown("**Rollmill in four steps**", width="content")
            st.button("Close the tour", icon=":material/close:", key="tour-close", on_click=_set, args=("closed",))
        for number, (column, (title, text, page)) in enumerate(zip(st.columns(len(STEPS)), STEPS, strict=True), 1):
            with column:
                link(page, f"**{number}. {title}**", icon=":material/arrow_forward:")
                st.caption(text)


def tour_button() -> None:
    """Draw the button that opens the tour again, if the tour is closed."""
    if not _is_open():
        st.button("Tour", icon=":material/explore:", key="tour-open", on_click=_set, args=("open",))


def _is_open() -> bool:
    state = st.session_state.get(STATE)
    return state == "open" if state else _cookie() not in st.context.cookies.to_dict()


def _set(state: str) -> None:
    st.session_state[STATE] = state


def _cookie() -> str:
    """Name of this workspace's cookie: cookies ignore the port, and a port may serve another workspace later."""
    return f"tour-{digest128([str(reader().root)])}"
