"""Cache of query results between the runs of a page: a result changes only when its subject does.

A dataset version and what an ended run decided never change, whatever other runs do meanwhile; of everything else an answer
holds for as long as nothing was registered in the ledger since. Answers are shared by all tabs and people, and must not be
changed by who gets them.
"""

import atexit
import gc
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import streamlit as st

from rollmill.storage.queries import ExploreIndex, Reader, Scope
from rollmill.storage.queries.browse.explore_index import explore_index
from rollmill.storage.queries.comparisons.sides import cells_or_scope
from rollmill.storage.queries.histories.dataset_history import history_stamp, version_history

if TYPE_CHECKING:
    from rollmill.storage.queries import Run, VersionStep

atexit.register(gc.unfreeze)  # else libraries report at the end what was not collected
Answer = TypeVar("Answer")
MOST = 300  # answers kept
INDEXES = 3  # scopes whose rollouts are held in memory, some 200 MB for a million
PAUSE = 20  # a run that writes is read again after so many times what reading it took: a twentieth of a core
State = tuple[Any, ...]


def kept(query: Callable[..., Answer], scope: Scope, *arguments: Any) -> Answer:
    """`query(scope, *arguments)`, asked once for each content of the scope. Not for what people judge or score later."""
    return _kept(scope.reader, content(scope), query, scope, *arguments)


def kept_now(query: Callable[..., Answer], scope: Scope, *arguments: Any) -> Answer:
    """Cache of results that change after every change of the workspace, such as scores added to ended runs."""
    return _kept(scope.reader, (content(scope), scope.reader.state()), query, scope, *arguments)


def kept_of(reader: Reader, query: Callable[..., Answer], *arguments: Any) -> Answer:
    """`query(reader, *arguments)`, asked once for each state of the workspace."""
    return kept_by(reader.state(), reader, query, *arguments)


def kept_by(state: State, reader: Reader, query: Callable[..., Answer], *arguments: Any) -> Answer:
    """`query(reader, *arguments)`, asked once for each of these states, one of `state_of`."""
    return _kept(reader, state, query, reader, *arguments)


def state_of(reader: Reader, name: str) -> State:
    """Cache key of comparisons of this dataset, run or evaluation: its rows, and how many scores there are, as runs and
    evaluations are scored later. For a running evaluation, the state of the workspace.
    """
    cells, scope = cells_or_scope(reader, name)
    if scope is not None:
        return content(scope) if scope.version is not None else (*content(scope), reader.count("scores"))
    if any(run.status != "done" for run in cells):
        return reader.state()
    return "evaluation", name, tuple((run.id, run.finished_at) for run in cells), reader.count("scores")


def content(scope: Scope) -> State:
    """Cache key of a scope's rows: equal contents, equal answers. For a running run, its contents at the last read."""
    if scope.version is not None:
        return "version", scope.version.ref, scope.version.content_hash
    if scope.run is not None and is_final(scope):
        return "run", scope.name, scope.decisions, scope.run.finished_at
    last, until = _read.get((str(scope.reader.root), scope.name, scope.decided), ((), 0.0))
    return last if time.monotonic() < until else (scope.name, scope.decided, scope.reader.state())


def kept_runs(source: Reader) -> "list[Run]":
    """All runs as `runs` gives them. A thousand recipes take .2 s to read: they are read once for each state."""
    return sorted(source.with_killed_status(kept_of(source, _listed)), key=lambda run: run.is_pilot)


def _listed(source: Reader) -> "list[Run]":
    return source.runs.list()


def is_final(scope: Scope) -> bool:
    """True for rows that change no more: of a version, of a run that decided, of an evaluation that ended."""
    run = scope.run
    return run is None or (run.finished_at is not None and (scope.decisions > 0 or run.status == "done"))


def steps_of(source: Reader, name: str) -> "list[VersionStep]":
    """The versions of a dataset, the newest first; read again when its index changed or rows came or went."""
    steps: list[VersionStep] = _history(str(source.root), name, history_stamp(source, name), source)
    return steps


def index_of(scope: Scope) -> ExploreIndex:
    """The rollouts of a scope in memory, read once for each content."""
    return _index(str(scope.reader.root), content(scope), scope)


_read: dict[
    tuple[str, str, bool], tuple[State, float]
] = {}  # of scopes that change: what was read, and until when it holds


# Streamlit leaves arguments whose names begin with an underscore out of the key.
@st.cache_resource(show_spinner="Reading every rollout once", max_entries=INDEXES)
def _index(root: str, state: State, _scope: Scope) -> ExploreIndex:
    begun = time.monotonic()
    index = explore_index(_scope)
    ended = time.monotonic()
    _read[root, _scope.name, _scope.decided] = state, ended + PAUSE * (ended - begun)
    return index


def _kept(reader: Reader, state: State, query: Callable[..., Answer], *arguments: Any) -> Answer:
    """The answer of a query to its arguments, the first of which is a scope or the reader."""
    name = f"{query.__module__}.{query.__qualname__}"
    answer: Answer = _answer(str(reader.root), name, state, arguments[1:], lambda: query(*arguments))
    return answer


@st.cache_resource(show_spinner="Computing", max_entries=MOST)
def _answer(
    root: str,  # noqa: ARG001 - these four are the key
    name: str,  # noqa: ARG001
    state: State,  # noqa: ARG001
    arguments: tuple[Any, ...],  # noqa: ARG001
    _ask: Callable[[], Any],
) -> Any:
    answer = _ask()
    # Streamlit collects garbage after every run of a script or a fragment: not through what is kept, and what was imported.
    gc.collect()
    gc.freeze()
    return answer


@st.cache_resource(show_spinner=False, max_entries=20)
def _history(root: str, name: str, stamp: tuple[int, ...], _reader: Reader) -> "list[VersionStep]":  # noqa: ARG001 (the key)
    return version_history(_reader, name)
