"""Published versions: lists, files, differences, and the same questions asked of a version as of its run."""

import shutil
from dataclasses import replace
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.exports.thread_rows import of_prefix
from rollmill.storage.queries import (
    compare,
    dataset_scope,
    datasets,
    funnel,
    open_workspace,
    pass_rates,
    problem_detail,
    run_scope,
    search_problems,
    version_card,
    version_manifest,
    version_report,
    versions_of,
)
from rollmill.storage.segments.schema import to_table
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import load_snapshot
from rollmill.storage.versions.resolve import resolve
from tests.storage.versions.conftest import counted

pytestmark = pytest.mark.integration

DONE = "toy-aaaaaaaa"
MANIFEST = {"recipe": {"name": "toy"}, "recipe_hash": "a" * 64, "metrics": {"prefix": 4}, "run": DONE}


@pytest.fixture
def published(curated: Any, decisions: Any) -> Any:
    """Version 1 is what the run kept, version 2 keeps nothing."""
    read = curated.ws.segments.read
    snapshot = Snapshot(
        "apples",
        problems=read("problems"),
        completions=read("completions"),
        verdicts=read("verdicts"),
        decisions=read("decisions"),
        manifest=MANIFEST,
    )
    none_kept = replace(snapshot, decisions=to_table("decisions", decisions(curated, kept=False)))
    for rows in map(counted, (snapshot, none_kept)):
        assert publish(curated.ws, rows, report_html="<p>fine</p>", report_json={"passed": True}).created
    return curated


def test_datasets_and_versions_are_listed_newest_first(published: Any) -> None:
    (row,) = datasets(published.reader)
    assert (row.name, row.versions, row.newest and row.newest.ref) == ("apples", 2, "apples@v2")
    second, first = versions_of(published.reader, "apples")
    assert (first.number, first.problems, first.rows, first.kept, first.parent, first.fetched) == (
        1,
        6,
        48,
        9,
        None,
        True,
    )
    assert (second.kept, second.parent) == (0, first.content_hash)


def test_the_files_of_a_version(published: Any) -> None:
    assert version_report(published.reader, "apples@v1") == "<p>fine</p>"
    assert version_card(published.reader, "apples@v1").lstrip("-\n").strip() != ""
    assert version_manifest(published.reader, "apples@v1")["run"] == DONE
    info = versions_of(published.reader, "apples")[0]
    (info.path / "report.html").unlink()
    with pytest.raises(SetupError, match=r"apples@v2 has no report\.html in this clone"):
        version_report(published.reader, "apples@v2")


def test_the_difference_of_two_versions(published: Any) -> None:
    comparison = compare(published.reader, "apples@v1", "apples@v2")
    assert comparison.same_content is False
    assert sum(move.count for move in comparison.kept_to_dropped) == 9


def test_a_version_answers_as_its_run_does(published: Any) -> None:
    run, version = run_scope(published.reader, DONE), dataset_scope(published.reader, "apples@v1")
    assert (version.prefix, version.decided) == (4, True)
    for ask in (funnel, pass_rates, search_problems):
        assert ask(version) == ask(run)
    wanted = published.problems[3].id
    assert problem_detail(version, wanted) == problem_detail(run, wanted)
    assert funnel(dataset_scope(published.reader, "apples")).kept == 0


@pytest.mark.parametrize(("metrics", "prefix"), [({"prefix": None}, None), ({"prefix": 0}, 0), ({}, 0)])
def test_a_version_that_says_no_prefix_has_none(published: Any, metrics: dict[str, Any], prefix: int | None) -> None:
    """Only the null of an import says that every completion counts; queries and exports read it alike."""
    rows = load_snapshot(resolve(published.reader.datasets, "apples@v1"))
    other = replace(rows, name="pears", manifest={**MANIFEST, "metrics": metrics})
    publish(published.ws, counted(other), report_html="", report_json={})
    scope = dataset_scope(published.reader, "pears")
    assert scope.prefix == prefix
    with scope.connection() as connection:
        assert of_prefix(connection)[0] == prefix


def test_a_version_in_a_notebook(published: Any) -> None:
    with open_workspace(published.ws.root) as ws:
        assert len(ws.rollouts(dataset="apples@v1").df().query("kept")) == 9
        assert list(ws.pass_rates(by="level", dataset="apples@v1")["pass_rate"].round(4)) == [0.5, 0.6667]


def test_rows_that_were_not_fetched_are_named(published: Any) -> None:
    info = versions_of(published.reader, "apples")[0]
    shutil.rmtree(info.path)
    info.path.mkdir()
    assert versions_of(published.reader, "apples")[0].fetched is False
    with pytest.raises(SetupError, match=r"apples@v2 .*rollmill curate RECIPE makes them again"):
        funnel(dataset_scope(published.reader, "apples@v2"))
