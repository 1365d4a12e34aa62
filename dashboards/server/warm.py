"""Answers computed before anybody asks: what Explore and Compare show first of the newest version, the newest ended run
and the page's own first choice.

One thread works while the server runs, from the first page on. It watches the ledger, computes the views of newly published
or ended work, the newest first, and restarts when something newer arrives. A visitor who opens a view in progress waits for
its rest; visitors' pages have priority.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from rollmill.dashboards.session.kept import INDEXES, State, content, is_final, state_of
from rollmill.dashboards.session.scope import reader
from rollmill.dashboards.units import duration
from rollmill.ground.errors import RollmillError
from rollmill.storage.queries import Reader, Scope, datasets, named_scope, runs

TICK_SECONDS = 2.0
PATIENCE = 30.0  # seconds for which a view waits for visitors' pages
TOLD_SECONDS = 1.0  # a view that took longer is reported in the log


@dataclass(frozen=True, slots=True)
class FirstView:
    """First view of a page of one subject. `state`: cache key of its answers."""

    words: str
    state: State
    compute: Callable[[], None]

    @property
    def key(self) -> tuple[str, State]:
        """Equal keys have equal answers."""
        return self.words, self.state


@dataclass(frozen=True, slots=True)
class WarmingProgress:
    """The view that is being computed: its place, counted from 1, and how many there are."""

    place: int
    total: int
    words: str


class CacheWarmer:
    """Thread that computes views before they are visited; `progress` is None while it computes nothing."""

    def __init__(self) -> None:
        self.progress: WarmingProgress | None = None
        self._done: set[tuple[str, State]] = set()
        self._ended = threading.Event()
        self._drawn = threading.Event()
        self._visits = 0
        self._quiet = threading.Condition()

    def start(self) -> None:
        """Begin; the thread ends with the process, or soon after `stop`."""
        threading.Thread(target=self._work, name="cache-warmer", daemon=True).start()

    def stop(self) -> None:
        """End after the view that is being computed."""
        self._ended.set()
        self._drawn.set()

    @contextmanager
    def visit(self) -> Iterator[None]:
        """Context in which a page is drawn for a visitor; the thread begins no view during it."""
        with self._quiet:
            self._visits += 1
        try:
            yield
        finally:
            with self._quiet:
                self._visits -= 1
                self._quiet.notify_all()
            self._drawn.set()

    def _work(self) -> None:
        seen: object = None
        self._drawn.wait(PATIENCE)  # the first page loads what all need
        while not self._ended.is_set():
            try:
                source = reader()
                if (now := _stamp(source)) == seen:
                    self._ended.wait(TICK_SECONDS)
                    continue
                if self._warm(source, now):
                    seen = now
            except RollmillError:  # no workspace yet, a locked ledger: it may pass
                self._ended.wait(TICK_SECONDS)

    def _warm(self, source: Reader, stamp: object) -> bool:
        """Compute the views that are new; False if something newer came meanwhile."""
        views = first_views(source)
        self._done &= {view.key for view in views}
        fresh = [view for view in views if view.key not in self._done]
        for place, view in enumerate(fresh, start=len(views) - len(fresh) + 1):
            self.progress = WarmingProgress(place, len(views), view.words)
            try:
                with self._quiet:
                    self._quiet.wait_for(lambda: not self._visits, PATIENCE)
                _computed(view)
            finally:
                self.progress = None
            self._done.add(view.key)
            if self._ended.is_set() or (place < len(views) and _stamp(source) != stamp):
                return False
        return True


def first_views(source: Reader) -> list[FirstView]:
    """First views of Explore and Compare, the newest first; as many in Explore as it holds in memory."""
    from rollmill.dashboards.pages.compare.page import subjects

    newest = [row.newest for row in datasets(source) if row.newest is not None and row.newest.fetched]
    latest = sorted(newest, key=lambda version: version.created_at, reverse=True)[:1]
    ended = [run.id for run in runs(source) if run.finished_at is not None and not run.is_pilot]
    named = dict.fromkeys([version.ref for version in (*latest, *newest[:1])] + ended[:1])
    scopes = [scope for name in named if (scope := named_scope(source, name)) is not None]
    explored = [_of_explore(scope) for scope in scopes if is_final(scope)][:INDEXES]
    compared = dict.fromkeys([version.name for version in latest] + subjects(source)[:1])
    return explored[:1] + [_of_compare(source, name) for name in compared] + explored[1:]


def _of_explore(scope: Scope) -> FirstView:
    from rollmill.dashboards.pages.explore.page import compute_first

    return FirstView(f"Explore of {scope.name}", content(scope), lambda: compute_first(scope))


def _of_compare(source: Reader, name: str) -> FirstView:
    from rollmill.dashboards.pages.compare.page import compute_first

    return FirstView(f"Compare of {name}", state_of(source, name), lambda: compute_first(source, name))


def _stamp(source: Reader) -> object:
    """Equal stamps: nothing was registered, ended, published or fetched meanwhile. Reads a few numbers of the ledger."""
    folders = os.scandir(source.datasets) if source.datasets.is_dir() else ()
    return source.state(), sorted((folder.name, folder.stat().st_mtime_ns) for folder in folders)


def _computed(view: FirstView) -> None:
    """Compute a view and log it; the page itself reports a failing view."""
    begun = time.monotonic()
    try:
        _without_spinner(view.key, view.compute)
    except RollmillError as error:
        sys.stderr.write(f"{view.words} was not computed beforehand: {error}\n")
        return
    seconds = time.monotonic() - begun
    if seconds > TOLD_SECONDS:
        sys.stderr.write(f"{view.words} was computed beforehand in {duration(seconds)}\n")


@st.cache_resource(show_spinner=False, max_entries=1)
def _without_spinner(key: tuple[str, State], _work: Callable[[], None]) -> None:  # noqa: ARG001
    # Within a cached function others show no spinner, for which a thread without a visitor has no place.
    _work()


WARMER = CacheWarmer()
