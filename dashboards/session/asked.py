"""Results of read-only commands that run in the background: the page continues meanwhile, and shows results as they arrive.

The keys of a recipe may name a Python file, so that asking about them runs code: only a session that may write asks.
"""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from rollmill.dashboards.session.commands import may_write
from rollmill.dashboards.session.scope import reader
from rollmill.pipelines.processes.spawn import environment, module_command, spawn

MOST = 100  # answers kept
REFUSAL_HOLDS = 20.0  # seconds: what a command refused, an import for one, may be there afterwards
PATIENCE = 60.0  # seconds that a page waits for what it cannot be drawn without
POLL = "0.5s"
_SIGN = "rollmill: "  # before a refusal

Key = tuple[str, tuple[str, ...], Hashable]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Result of a command: its exit status, its JSON document (None without one), and its error message if it failed."""

    status: int
    row: Any
    sentence: str


@dataclass
class _Question:
    child: "subprocess.Popen[bytes]"
    begun: float = field(default_factory=time.monotonic)
    answer: CommandResult | None = None
    ended: float = 0.0

    def follow(self) -> None:
        """Wait for the end of the command, in a thread."""
        out, err = self.child.communicate()
        self.ended = time.monotonic()
        texts = [part.decode(errors="replace") for part in (out, err)]
        self.answer = CommandResult(self.child.returncode, _document(texts[0]), _sentence(texts[1]))

    @property
    def holds(self) -> bool:
        """False for a refusal of some time ago."""
        return self.answer is None or self.answer.status == 0 or time.monotonic() - self.ended < REFUSAL_HOLDS


_questions: dict[Key, _Question] = {}
_lock = threading.Lock()


def ask(slot: str, arguments: Sequence[str], state: Hashable = ()) -> CommandResult | None:
    """The answer of `rollmill ARGUMENTS`, asked once for each `state`; None until it arrives.

    `slot`: name of a place for one question in the session. A later question in the same slot ends the earlier one.
    """
    if not may_write():
        return None
    key = (str(reader().root), tuple(arguments), state)
    with _lock:
        before = st.session_state.get(_slot(slot))
        if before is not None and before != key and before in _questions and _questions[before].answer is None:
            _questions.pop(before).child.send_signal(signal.SIGTERM)
        st.session_state[_slot(slot)] = key
        if key not in _questions or not _questions[key].holds:
            _questions[key] = _begun(arguments)
            for old in [old for old, question in _questions.items() if question.answer is not None][:-MOST]:
                del _questions[old]
        return _questions[key].answer


def awaited_result(slot: str, arguments: Sequence[str], state: Hashable = ()) -> CommandResult | None:
    """The result of a command, waited for; None for a session that may not run commands, or after a timeout."""
    until = time.monotonic() + PATIENCE
    answer = ask(slot, arguments, state)
    while answer is None and may_write() and time.monotonic() < until:
        time.sleep(0.05)
        answer = ask(slot, arguments, state)
    return answer


def seconds_asked(slot: str) -> float | None:
    """Seconds since the question of a slot was asked; None if none waits for its answer."""
    question = _questions.get(st.session_state.get(_slot(slot)))  # type: ignore[arg-type]
    return None if question is None or question.answer is not None else time.monotonic() - question.begun


def wait_for(slots: Sequence[str], text: str) -> None:
    """Say that answers are awaited, and redraw the page once they have come."""
    st.fragment(_poll, run_every=POLL)(tuple(slots), text)


def _poll(slots: Sequence[str], text: str) -> None:
    waiting = [seconds for slot in slots if (seconds := seconds_asked(slot)) is not None]
    if not waiting:
        st.rerun()
    st.caption(f":material/hourglass_top: {text}, {max(waiting):.0f} s")


def _slot(slot: str) -> str:
    return f"asked-{slot}"


def _begun(arguments: Sequence[str]) -> _Question:
    child = spawn(
        module_command("rollmill.flows.cli", *arguments),
        environment(os.environ.get("PYTHONPATH")),
        cwd=reader().root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    question = _Question(child)
    threading.Thread(target=question.follow, name="rollmill-asked", daemon=True).start()
    return question


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _sentence(text: str) -> str:
    """The refusal in what a command printed: from its sign on, or the last lines of a traceback."""
    place = text.rfind(_SIGN)
    return text[place + len(_SIGN) :].strip() if place >= 0 else "\n".join(text.strip().splitlines()[-3:])
