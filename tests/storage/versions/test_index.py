"""The index: what a reference resolves to, what tags and yanks change, and what a broken file says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts.index import Index, index_path
from rollmill.storage.artifacts.marks import sign_off, tag, untag, unyank, yank
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.index import FORMAT, Entry, load_index, save_index
from rollmill.storage.versions.kind import DATASETS
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.resolve import resolve, versions
from rollmill.storage.workspace import Workspace

Build = Callable[..., Snapshot]
HASHES = {1: "3f9a0c1d" + "0" * 56, 2: "3f9b0c1d" + "0" * 56, 3: "3f9a0c1d" + "0" * 56}


def entry(number: int) -> Entry:
    return Entry(number, HASHES[number], "k", "s", "r", None, "2026-01-02T03:04:05+00:00", 2, 6, 2)


@pytest.fixture
def datasets(tmp_path: Path) -> Path:
    index = Index("toy", tuple(entry(number) for number in (1, 2, 3)), tags={"golden": "v2-3f9b0c1d"})
    save_index(tmp_path, index)
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("toy", 3),
        ("toy@v1", 1),
        ("toy@v2-3f9b0c1d", 2),
        ("toy@3f9b", 2),
        ("toy@" + HASHES[2], 2),
        ("toy@golden", 2),
        ("toy@3f9a0c1d", 3),  # republished content: the newest of equals
    ],
)
def test_a_reference_names_one_version(datasets: Path, reference: str, number: int) -> None:
    assert resolve(datasets, reference).number == number


def test_a_version_knows_its_place_and_tags(datasets: Path) -> None:
    info = resolve(datasets, "toy@v2")
    assert (info.path, info.tags, info.yanked, info.ref) == (datasets / "toy/v2-3f9b0c1d", ("golden",), None, "toy@v2")
    assert [version.number for version in versions(datasets, "toy")] == [1, 2, 3]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("toy@v9", "toy has no version called 'v9'. Valid: v1 (3f9a0c1d), v2 (3f9b0c1d), v3 (3f9a0c1d), golden."),
        ("toy@silver", "toy has no version called 'silver'."),
        ("toy@v1-00000000", "toy has no version called 'v1-00000000'."),
        ("toi", "unknown dataset 'toi'. Did you mean 'toy'? Valid: toy. Next: rollmill dataset list"),
    ],
)
def test_an_unknown_reference_names_the_choices(datasets: Path, reference: str, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        resolve(datasets, reference)
    assert caught.value.text().startswith(message)


def test_an_ambiguous_hash_is_refused(datasets: Path) -> None:
    save_index(datasets, Index("two", (entry(1), entry(2))))
    with pytest.raises(SetupError, match="two has no version called '3f9'"):
        resolve(datasets, "two@3f9")  # three digits are too few to be meant as a hash
    twin = Entry(2, "3f9a1" + "0" * 59, "k", "s", "r", None, "2026-01-02T03:04:05+00:00", 2, 6, 2)
    save_index(datasets, Index("two", (entry(1), twin)))
    with pytest.raises(SetupError, match="two has 2 versions called '3f9a'"):
        resolve(datasets, "two@3f9a")


def test_nothing_published_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none is published yet\. Next: rollmill curate"):
        resolve(tmp_path, "toy")


def test_the_index_survives_its_text(datasets: Path) -> None:
    index = load_index(datasets, "toy")
    assert FORMAT.parse(FORMAT.text(index), index_path(datasets, "toy")) == index


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON (line 1: Expecting property name"),
        ("[]", "does not hold a JSON object"),
        ('{"index_schema": 2}', "has index_schema 2; this Rollmill reads 1"),
        ("<<<<<<< HEAD\n", "holds a git conflict"),
    ],
)
def test_a_broken_index_is_named(datasets: Path, text: str, message: str) -> None:
    index_path(datasets, "toy").write_text(text)
    with pytest.raises(SetupError) as caught:
        resolve(datasets, "toy")
    assert message in caught.value.text()
    assert "toy/index.json" in caught.value.text()


@pytest.fixture
def two(ws: Workspace, snapshot: Build) -> Workspace:
    for kept in ((True, False, False, False, True, False), (True,) * 6):
        publish(ws, snapshot(kept=kept), report_html="", report_json={})
    return ws


def test_a_tag_points_and_moves_only_when_asked(two: Workspace) -> None:
    assert tag(DATASETS, two, "toy@v1", "golden").tags == ("golden",)
    assert tag(DATASETS, two, "toy@v1", "golden").tags == ("golden",)
    with pytest.raises(SetupError, match="the tag 'golden' is on v1-ab183de1"):
        tag(DATASETS, two, "toy@v2", "golden")
    assert tag(DATASETS, two, "toy@v2", "golden", move=True).number == 2
    assert resolve(two.datasets, "toy@golden").number == 2
    assert untag(DATASETS, two, "toy@golden", "golden").tags == ()
    tag(DATASETS, two, "toy@v1", "silver")
    with pytest.raises(SetupError, match=r"the tag 'silver' is on v1-.*Next: rollmill dataset untag toy@v1-.* silver"):
        untag(DATASETS, two, "toy@v2", "silver")
    with pytest.raises(SetupError, match="has no tag 'golden'"):
        untag(DATASETS, two, "toy@v2", "golden")


@pytest.mark.parametrize("name", ["v2", "v2-3f9a0c1d", "3f9a", "deadbeef", "", "a b", "1st", "gold\n"])
def test_a_tag_cannot_look_like_a_version(two: Workspace, name: str) -> None:
    with pytest.raises(SetupError, match="is not a valid tag name"):
        tag(DATASETS, two, "toy@v1", name)


def test_a_yanked_version_is_not_what_the_name_means(two: Workspace) -> None:
    assert yank(DATASETS, two, "toy", "leaked problems").yanked == "leaked problems"
    assert resolve(two.datasets, "toy").number == 1
    assert resolve(two.datasets, "toy@v2").yanked == "leaked problems"
    yank(DATASETS, two, "toy@v1", "also")
    with pytest.raises(SetupError, match="every version of toy is yanked"):
        resolve(two.datasets, "toy")
    assert unyank(DATASETS, two, "toy@v2").yanked is None
    assert resolve(two.datasets, "toy").number == 2
    with pytest.raises(SetupError, match="is not yanked"):
        unyank(DATASETS, two, "toy@v2")
    with pytest.raises(SetupError, match="a yank needs a reason"):
        yank(DATASETS, two, "toy@v2", " ")


def test_a_yanked_newest_still_stops_an_equal_version(two: Workspace, snapshot: Build) -> None:
    yank(DATASETS, two, "toy@v2", "leaked")
    assert not publish(two, snapshot(kept=(True,) * 6), report_html="", report_json={}).created


def test_sign_offs_are_added(two: Workspace) -> None:
    sign_off(DATASETS, two, "toy@v1", "Ada", "read 100 rows")
    sign_off(DATASETS, two, "toy@v1", "Ada")
    signoffs = load_index(two.datasets, "toy").signoffs
    assert [(signoff.folder, signoff.by, signoff.note) for signoff in signoffs] == [
        ("v1-ab183de1", "Ada", "read 100 rows"),
        ("v1-ab183de1", "Ada", ""),
    ]
    with pytest.raises(SetupError, match="a sign-off needs a name"):
        sign_off(DATASETS, two, "toy@v1", "")
