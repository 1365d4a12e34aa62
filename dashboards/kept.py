"""Answers kept between the runs of a page: what a query gives changes only when what it is about does.

A dataset version and what an ended run decided never change, whatever other runs do meanwhile; of everything else an answer
holds for as long as nothing was registered in the ledger since. Answers are shared by all tabs and people, and must not be
changed by who gets them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from storage.queries import Reader, Scope, named_scope

Answer = TypeVar("Answer")
MOST = 300  # answers kept
State = tuple[Any, ...]


def kept(query: Callable[..., Answer], scope: Scope, *arguments: Any) -> Answer:
    """`query(scope, *arguments)`, asked once for each content of the scope. Not for what people judge or score later."""
    answer: Answer = _answer(
        str(scope.reader.root), _name(query), content(scope), arguments, lambda: query(scope, *arguments)
    )
    return answer


def kept_now(query: Callable[..., Answer], scope: Scope, *arguments: Any) -> Answer:
    """The same, asked again after every change of the workspace: for what is added to ended runs, such as scores."""
    state = (content(scope), scope.reader.state())
    answer: Answer = _answer(str(scope.reader.root), _name(query), state, arguments, lambda: query(scope, *arguments))
    return answer


def kept_of(reader: Reader, query: Callable[..., Answer], *arguments: Any) -> Answer:
    """`query(reader, *arguments)`, asked once for each state of the workspace."""
    return kept_by(reader.state(), reader, query, *arguments)


def kept_by(state: State, reader: Reader, query: Callable[..., Answer], *arguments: Any) -> Answer:
    """`query(reader, *arguments)`, asked once for each of these states, one of `state_of`."""
    answer: Answer = _answer(str(reader.root), _name(query), state, arguments, lambda: query(reader, *arguments))
    return answer


def state_of(reader: Reader, name: str) -> State:
    """What answers about the dataset or run of this name follow from; of an evaluation the state of the workspace."""
    scope = named_scope(reader, name)
    return reader.state() if scope is None else content(scope)


def content(scope: Scope) -> State:
    """What the rows of a scope are: equal contents, equal answers."""
    if scope.version is not None:
        return "version", scope.version.ref, scope.version.content_hash
    if scope.run is not None and scope.decisions and scope.run.finished_at is not None:
        return "run", scope.name, scope.decisions, scope.run.finished_at
    return scope.name, scope.decided, scope.reader.state()


def _name(query: Callable[..., Any]) -> str:
    return f"{query.__module__}.{query.__qualname__}"


@st.cache_resource(show_spinner="Computing", max_entries=MOST)
def _answer(
    root: str,  # noqa: ARG001 - these four are the key
    name: str,  # noqa: ARG001
    state: State,  # noqa: ARG001
    arguments: tuple[Any, ...],  # noqa: ARG001
    _ask: Callable[[], Any],
) -> Any:
    return _ask()
