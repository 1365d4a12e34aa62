"""Weights of a model go through a DVC remote from one clone to another, and arrive as they were published."""

import shutil
from pathlib import Path

import pytest

from rollmill.storage.models.files import require_published_model
from rollmill.storage.models.index import resolve_model
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, rollmill  # noqa: F401 (a fixture)
from tests.repositories import git, run_dvc
from tests.storage.models.test_model_versions import model, publish

pytestmark = pytest.mark.services


def test_a_second_clone_pulls_the_published_weights(
    tmp_path: Path,
    rollmill: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = tmp_path / "ws"
    with Workspace.init(root) as ws:
        monkeypatch.chdir(root)
        git(root, "init", "-q", "-b", "main")
        run_dvc(root, "init", "--quiet")
        assert "there is no version to share" in rollmill("model", "push").err
        publication = publish(ws, model(tmp_path / "made", b"w" * 5000))
    version = publication.version
    assert version.pointer.is_file()
    unset = rollmill("model", "push", "student")
    assert (unset.status, "no default DVC remote is set. Next: dvc remote add --default" in unset.err) == (2, True)
    run_dvc(root, "remote", "add", "--default", "store", str(tmp_path / "store"))
    misspelt = rollmill("model", "push", "student", "--remote", "stor")
    assert (misspelt.status, "no DVC remote 'stor'. Valid: store." in misspelt.err) == (2, True)
    pushed = rollmill("model", "push", "student")
    assert pushed.status == 0, pushed.err
    assert "git add" in pushed.out
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "a model")
    assert "model.safetensors" not in git(root, "ls-files")

    git(tmp_path, "clone", "-q", str(root), "clone")
    clone = tmp_path / "clone"
    monkeypatch.chdir(clone)
    assert rollmill("init", ".", "--bare").status == 0
    listed = rollmill("model", "show", "student@v1")
    assert "| sums@v1 |" in listed.out, listed.err
    absent = rollmill("model", "push", "student")
    assert (absent.status, "the weights of student@v1 are not in this clone" in absent.err) == (2, True)
    pulled = rollmill("model", "pull")
    assert pulled.status == 0, pulled.err
    mine = resolve_model(clone / "models", "student")
    assert mine.content_hash == version.content_hash
    require_published_model(mine)
    assert (mine.path / "model.safetensors").read_bytes() == b"w" * 5000

    shutil.rmtree(tmp_path / "store")
    shutil.rmtree(clone / ".dvc" / "cache")
    shutil.rmtree(mine.path)
    lost = rollmill("model", "pull", "student@v1")
    assert (lost.status, "the listing of files of student@v1 is not in DVC's cache" in lost.err) == (1, True), lost.err
