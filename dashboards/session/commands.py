"""Changes to the workspace by pages, all through the project's own command line, as a person would run it.

A browser may run commands after opening the address printed by `rollmill dashboard` (dashboards/session/admission.py). The
token is in no copied link, no log, no ledger and no child's environment.
"""

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rollmill.dashboards.inert import one_line, visible
from rollmill.dashboards.session import admission
from rollmill.dashboards.session.scope import reader
from rollmill.pipelines.processes.local_server import same
from rollmill.pipelines.processes.spawn import environment, module_command, spawn

WRITES = "may-write"
CLICKS = "clicks"  # of buttons that no draw has reached since: by key their time, and the arguments if confirmed
WAIT = 120.0  # seconds a page waits for a command; a longer one goes on by itself
_AGAIN = 1.0  # seconds after its end in which the second click of two does nothing
_MOST = 20_000  # characters of output shown


@dataclass(frozen=True, slots=True)
class CommandStatus:
    """Result of a command: its arguments, its output, its exit status (None while it runs), and its time."""

    words: tuple[str, ...]
    output: str
    status: int | None
    at: float


def admit() -> None:
    """Let this session write if its browser opened the printed address; app.py calls it before every page."""
    cookies, secret = st.context.cookies.items(), admission.cookie_secret()
    brought = any(name.startswith(admission.COOKIE) and same(value, secret) for name, value in cookies)
    st.session_state[WRITES] = brought and not admission.READ_ONLY


def may_write() -> bool:
    """True for a session that may change the workspace."""
    return bool(st.session_state.get(WRITES, False))


def read_only_reason() -> str:
    """Reason why this session may not write, and the remedy."""
    if not admission.READ_ONLY:
        return "Read-only: open the address with ?token=... that `rollmill dashboard` printed to change anything here."
    return "Read-only: this dashboard was started with --read-only. To change anything, start `rollmill dashboard`."


def command_button(
    label: str,
    arguments: Sequence[str],
    *,
    key: str,
    help: str | None = None,  # noqa: A002 - Streamlit's word
    confirm: bool = False,
    wait: float = WAIT,
) -> CommandStatus | None:
    """A button that runs `rollmill ARGUMENTS` in the workspace, and below it the result of its last click.

    The page is drawn after the command, so that it shows the change. `confirm`: ask first, with the command in view.
    After `wait` seconds the page continues without the command, which runs on in the background. A name that a user or a
    file gave goes behind "--", lest it be read as an option.
    """
    done = silent_button(label, arguments, key=key, help=help, confirm=confirm, wait=wait)
    if done is not None:
        show_done(done)
    return done


def silent_button(
    label: str,
    arguments: Sequence[str],
    *,
    key: str,
    help: str | None = None,  # noqa: A002 - Streamlit's word
    confirm: bool = False,
    wait: float = WAIT,
) -> CommandStatus | None:
    """The button alone, for a row of buttons; the page shows the result of its last click with show_done."""
    allowed, command = may_write(), typed(arguments)
    # A backtick in a name would end the code of the hint.
    hint = "\n\n".join(
        filter(None, [help, f"`{one_line(command, 400).replace('`', '')}`" if allowed else read_only_reason()])
    )
    button = st.button
    if confirm and allowed:
        place = st.popover(label, help=help)
        button = place.button
        place.code(visible(command), language=None, wrap_lines=True)
        label = f"Yes, {label[:1].lower()}{label[1:]}"
    button(
        label,
        key=key,
        help=hint,
        disabled=not allowed,
        on_click=mark_click,
        args=(key, tuple(arguments) if confirm else None),
    )
    _carry_out(key, tuple(arguments), wait)
    done: CommandStatus | None = st.session_state.get(f"{key}-done")
    return done


def disabled_button(label: str, why: str, key: str) -> None:
    """Draw the disabled button of a command that cannot run now, with the reason as its tooltip."""
    st.button(label, key=f"waiting-{key}", help=why, disabled=True)


def show_done(done: CommandStatus) -> None:
    """Draw a command that was run: its words, its output and its exit status."""
    status = {None: "still runs; its output below is as of now", 0: "done"}.get(done.status, f"exit status {done.status}")
    text = f"$ {typed(done.words)}\n{done.output.strip()[-_MOST:]}\n[{status}]"
    st.code(visible(text), language=None, wrap_lines=True)


def typed(arguments: Sequence[str]) -> str:
    """The command as a person types it."""
    return shlex.join(["rollmill", *arguments])


def mark_click(key: str, confirmed: tuple[str, ...] | None = None) -> None:
    """Callback of a button whose command is run by the draw that reaches it: see taken_click."""
    # Callbacks have the arguments of the last draw: the ones that were confirmed, but without a text typed just before.
    st.session_state.setdefault(CLICKS, {})[key] = (time.monotonic(), confirmed)


def taken_click(key: str) -> tuple[float, tuple[str, ...] | None] | None:
    """The click of a button that awaits its draw, with its time and confirmed arguments; it is taken once.

    None without a click, and in a session that may not write.
    """
    click: tuple[float, tuple[str, ...] | None] | None = st.session_state.get(CLICKS, {}).pop(key, None)
    # Asked again: a disabled button is only drawn as one, and a browser may send its click all the same.
    return click if may_write() else None


def forget_clicks() -> None:
    """End of a draw: a click whose button was not in it is void. An interrupted draw leaves its clicks to the next one."""
    st.session_state.pop(CLICKS, None)


def _carry_out(key: str, drawn: tuple[str, ...], wait: float) -> None:
    click = taken_click(key)
    if click is None:
        return
    clicked, confirmed = click
    arguments = confirmed or drawn
    before: CommandStatus | None = st.session_state.get(f"{key}-done")
    if before and before.words == arguments and clicked - before.at < _AGAIN:
        return
    with st.spinner(f"Running {arguments[0]}"):
        st.session_state[f"{key}-done"] = run(arguments, wait)
    st.rerun()


def run(arguments: Sequence[str], wait: float = WAIT) -> CommandStatus:
    """Run `rollmill ARGUMENTS` in the workspace, without a shell; a session that may not write never gets here."""
    # A file and no pipe: a command that outlives the page would block on a full pipe, or die of a closed one.
    with tempfile.TemporaryFile() as output:
        child = spawn(
            module_command("rollmill.flows.cli", *arguments),
            environment(os.environ.get("PYTHONPATH")),
            cwd=reader().root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it outlives the page and the dashboard
        )
        try:
            status: int | None = child.wait(wait)
        except subprocess.TimeoutExpired:
            status = None
        output.seek(0)
        return CommandStatus(tuple(arguments), output.read().decode(errors="replace"), status, time.monotonic())
