"""First views are computed beforehand: the newest first, the very answers that the pages ask for, after visitors' pages."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.runtime.caching.cache_metrics import CACHE_LOOKUPS_FAMILY, get_cache_metrics
from streamlit.runtime.stats import CounterStat

from rollmill.dashboards.server import warm
from rollmill.dashboards.server.warm import WARMER, CacheWarmer, FirstView, WarmingProgress, first_views
from rollmill.ground.errors import SetupError
from rollmill.storage.audits import PersonJudgement
from rollmill.storage.queries import Reader
from tests.dashboards.conftest import opened, run_in
from tests.waiting import until

pytestmark = pytest.mark.integration


@pytest.fixture
def copied(curated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace at a place of its own, about which nothing is kept yet."""
    folder = tmp_path / "ws"
    shutil.copytree(curated, folder)
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def warmer() -> Iterator[CacheWarmer]:
    """A thread of its own, not begun yet, after a first page."""
    made = CacheWarmer()
    with made.visit():
        pass
    yield made
    made.stop()
    assert until(lambda: not any(thread.name == "cache-warmer" for thread in threading.enumerate()))


def computed() -> int:
    """Answers that were not there when a page or the thread asked for them."""
    (lookups,) = get_cache_metrics().get_stats([CACHE_LOOKUPS_FAMILY]).values()
    counts = [(stat.labels or {}, stat.value) for stat in lookups if isinstance(stat, CounterStat)]
    return sum(
        int(value)
        for of, value in counts
        if of["cache"].startswith("rollmill.dashboards.session.kept") and of["result"] == "miss"
    )


def names(views: list[FirstView]) -> list[str]:
    return [view.words for view in views]


def test_the_newest_version_comes_first_then_what_the_pages_open_with(copied: Path) -> None:
    with Reader.open(copied) as reader:
        ended = next(run.id for run in reader.runs.list() if run.name == "hostile")
        newest = "hostile@v1"
        assert names(first_views(reader)) == [f"Explore of {newest}", "Compare of hostile", f"Explore of {ended}"]
        run_in(copied, ["curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=3"])
        again = next(run.id for run in reader.runs.list())
        assert names(first_views(reader)) == [
            "Explore of toy@v3",
            "Compare of toy",
            "Compare of hostile",  # the first in the box of Compare
            f"Explore of {newest}",  # the first in the box of Explore
            f"Explore of {again}",
        ]


def test_a_page_asks_for_nothing_that_was_not_computed(copied: Path) -> None:
    with Reader.open(copied) as reader:
        views = first_views(reader)
    before = computed()
    for view in views:
        view.compute()
    made = computed()
    assert made - before > 8
    for page in ("explore", "compare"):
        assert not opened(page).exception
        assert computed() == made, page
    opened("compare", evaluation="toy")  # the count sees what was not
    assert computed() > made


def test_the_thread_computes_at_the_start_and_after_a_publication(
    copied: Path, warmer: CacheWarmer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warm, "TOLD_SECONDS", 0.0)
    monkeypatch.setattr(warm, "TICK_SECONDS", 0.05)
    said: list[str] = []

    def told(words: str) -> Callable[[], bool]:
        def heard() -> bool:
            said.extend(capsys.readouterr().err.splitlines())
            return any(line.startswith(f"{words} was computed beforehand in ") for line in said)

        return heard

    warmer.start()
    assert until(told("Explore of hostile@v1"))
    assert until(told("Compare of hostile"))
    assert "missing ScriptRunContext" not in "".join(said)
    run_in(copied, ["curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=3"])
    assert until(told("Explore of toy@v3"))
    assert until(told("Compare of toy"))
    assert until(lambda: warmer.progress is None)


def test_the_first_page_goes_first(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    monkeypatch.setattr(warm, "first_views", lambda _: [FirstView("toy", ("first",), begun.set)])
    warmer = CacheWarmer()
    warmer.start()
    assert not begun.wait(0.3)
    with warmer.visit():
        pass
    assert begun.wait(30)
    warmer.stop()


def test_nothing_is_begun_while_a_page_is_drawn(copied: Path, warmer: CacheWarmer, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    monkeypatch.setattr(warm, "first_views", lambda _: [FirstView("toy", ("state",), begun.set)])
    with warmer.visit():
        warmer.start()
        assert until(lambda: warmer.progress == WarmingProgress(1, 1, "toy"))
        assert not begun.wait(0.3)
    assert begun.wait(30)


def test_what_is_older_waits_for_what_is_newer(copied: Path, warmer: CacheWarmer, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    ended = threading.Event()

    def newer_comes() -> None:
        done.append("first")
        with Reader.open(copied) as reader:
            reader.audits.judge([PersonJudgement("c", "p", "ann", "correct", "")])

    def views(_: Reader) -> list[FirstView]:
        first = FirstView("first", (), newer_comes)
        old, new = FirstView("old", (), ended.set), FirstView("new", (), lambda: done.append("new"))
        return [new, first, old] if done else [first, old]

    monkeypatch.setattr(warm, "first_views", views)
    warmer.start()
    assert ended.wait(30)
    assert done == ["first", "new"]


def test_a_view_that_cannot_be_shown_is_told_and_not_tried_again(
    copied: Path, warmer: CacheWarmer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[int] = []

    def broken() -> None:
        tried.append(1)
        raise SetupError("its rows are not here.", next_command="rollmill dataset pull")

    last = threading.Event()
    monkeypatch.setattr(warm, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(warm, "first_views", lambda _: [FirstView("bad", (), broken), FirstView("good", (), last.set)])
    warmer.start()
    assert last.wait(30)
    with Reader.open(copied) as reader:
        reader.audits.judge([PersonJudgement("c", "p", "ann", "correct", "")])  # the ledger changes: it looks again
    last.clear()
    assert not last.wait(0.5)
    assert tried == [1]
    assert "bad was not computed beforehand: its rows are not here. Next: rollmill dataset pull" in capsys.readouterr().err


def test_a_page_says_what_is_being_prepared(curated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))
    assert not any("Preparing" in caption.value for caption in opened("home").sidebar.caption)
    monkeypatch.setattr(WARMER, "progress", WarmingProgress(2, 3, "Explore of <b>"))
    assert [caption.value for caption in opened("home").sidebar.caption] == ["Preparing 2 of 3: Explore of \\<b\\>"]
