"""Answers kept between the runs of a page: what a query gives changes only when the workspace does.

A dataset version never changes; of everything else an answer holds for as long as nothing was registered in the ledger
since. Answers are shared by all tabs and people, and must not be changed by who gets them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import streamlit as st

from storage.queries import Reader, Scope

Answer = TypeVar("Answer")
MOST = 300  # answers kept


def kept(query: Callable[..., Answer], scope: Scope, *arguments: Any) -> Answer:
    """`query(scope, *arguments)`, asked once for each content of the scope."""
    root, key = str(scope.reader.root), _name(query)
    answer: Answer = _answer(root, key, content(scope), arguments, lambda: query(scope, *arguments))
    return answer


def content(scope: Scope) -> tuple[Any, ...]:
    """What the rows of a scope are: equal contents, equal answers."""
    if scope.version is not None:
        return "version", scope.version.ref, scope.version.content_hash
    return scope.name, scope.decided, scope.reader.state()


def kept_of(reader: Reader, query: Callable[..., Answer], *arguments: Any) -> Answer:
    """`query(reader, *arguments)`, asked once for each state of the workspace."""
    state = (reader.state(),)
    answer: Answer = _answer(str(reader.root), _name(query), state, arguments, lambda: query(reader, *arguments))
    return answer


def _name(query: Callable[..., Any]) -> str:
    return f"{query.__module__}.{query.__qualname__}"


@st.cache_resource(show_spinner="Computing", max_entries=MOST)
def _answer(
    root: str,  # noqa: ARG001 - these four are the key
    name: str,  # noqa: ARG001
    state: tuple[Any, ...],  # noqa: ARG001
    arguments: tuple[Any, ...],  # noqa: ARG001
    _ask: Callable[[], Any],
) -> Any:
    return _ask()
