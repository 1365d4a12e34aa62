"""Versions of older programs, rewritten by a command: the same hashes, today's files, whole or as before after a kill."""

from pathlib import Path

import duckdb
import pytest

from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.publish import finish_interrupted, rewrite
from rollmill.storage.versions.read import load_snapshot
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.forked import Forked
from tests.storage.versions.conftest import build
from tests.storage.versions.older import Layout, flat_shards, one_file, put_as
from tests.storage.versions.test_publish import KILLED, POINTS, assert_as_undisturbed, files, put

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("layout", [one_file, flat_shards])
def test_a_version_of_an_older_program_is_rewritten_by_a_command_alone(ws: Workspace, layout: Layout) -> None:
    info = put_as(layout, ws, build())
    before = files(info.path)
    assert put(ws, build())[:2] == ("v1-ab183de1", False)
    assert files(info.path) == before
    rewrite(ws, info)
    assert_as_undisturbed(ws)
    assert content_hash(load_snapshot(info)) == info.content_hash
    with duckdb.connect(str(info.path / "dataset.duckdb"), read_only=True) as connection:
        assert connection.sql("select count(*) from kept").fetchall() == [(2,)]


def rewriting(root: Path) -> None:
    """One command, in a process of its own."""
    with Workspace.open(root) as ws:
        rewrite(ws, resolve(ws.datasets, "toy"))


@pytest.mark.integration
@pytest.mark.parametrize("point", [*POINTS, "publish.rewritten"])
def test_a_rewriting_that_was_killed_is_finished_or_left(ws: Workspace, point: str) -> None:
    info = put_as(one_file, ws, build())
    assert Forked(rewriting, ws.root, point=point).end() == KILLED
    finish_interrupted(ws)
    assert content_hash(load_snapshot(info)) == info.content_hash
    assert (info.path / "shards.json").exists() is (point != "publish.folder_written")
    rewrite(ws, info)
    assert_as_undisturbed(ws)
