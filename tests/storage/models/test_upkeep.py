"""Upkeep of models, as of datasets: clones are settled, a lost index comes back, and what others rest on stays."""

import shutil
from pathlib import Path

import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.storage.artifacts.freeing import free, holdings
from rollmill.storage.artifacts.index import artifact_names, index_path
from rollmill.storage.artifacts.marks import sign_off, tag
from rollmill.storage.artifacts.rebase import rebase
from rollmill.storage.artifacts.removing import remove, rename
from rollmill.storage.artifacts.repair import rebuild_index
from rollmill.storage.artifacts.sharing import push, restore
from rollmill.storage.models.files import require_published_model
from rollmill.storage.models.index import ModelVersion, model_versions, resolve_model
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, rollmill  # noqa: F401 (a fixture)
from tests.repositories import git, run_dvc
from tests.storage.models.test_model_versions import model, publish

pytestmark = pytest.mark.integration


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    workspace = Workspace.init(tmp_path / "ws")
    workspace.close()
    return workspace


def put(ws: Workspace, weights: str) -> ModelVersion:
    made = ws.root.parent / f"made-{weights}"
    return publish(ws, model(made, weights.encode()), training=weights).version


def commit(ws: Workspace) -> None:
    git(ws.root, "add", "models/student/index.json", "models/student/manifests")
    git(ws.root, "commit", "-q", "-m", "a version")


def test_two_clones_that_made_one_number_are_settled(ws: Workspace, tmp_path: Path) -> None:
    git(ws.root, "init", "-q", "-b", "main")
    put(ws, "first")
    commit(ws)
    shutil.copytree(ws.root, tmp_path / "clone")
    with Workspace.open(tmp_path / "clone") as clone:
        theirs = put(clone, "theirs")
        commit(clone)
    ours = put(ws, "ours")
    tag(MODEL_KIND, ws, "student@v2", "best")
    commit(ws)
    git(ws.root, "pull", "-q", "--no-rebase", str(tmp_path / "clone"), "main", code=1)
    with pytest.raises(SetupError, match=r"holds a git conflict.* Next: rollmill model rebase student"):
        resolve_model(ws.models, "student")
    settled = rebase(MODEL_KIND, ws, "student")
    assert settled.renamed == {ours.folder: f"v3-{ours.content_hash[:8]}"}
    versions = model_versions(ws.models, "student")
    assert [version.content_hash for version in versions][1:] == [theirs.content_hash, ours.content_hash]
    assert [(version.tags, version.fetched) for version in versions] == [((), True), ((), False), (("best",), True)]
    require_published_model(versions[2])
    assert versions[2].record()["training_id"] == "ours"
    MODEL_KIND.refuse_unsettled(ws.models, "student")
    assert rebase(MODEL_KIND, ws, "student").renamed == {}


def test_a_lost_index_is_written_again_from_the_records(ws: Workspace) -> None:
    first, second = put(ws, "first"), put(ws, "second")
    path = index_path(ws.models, "student")
    before = MODEL_KIND.format.load(ws.models, "student")
    path.unlink()
    with pytest.raises(SetupError, match=r"is missing, though 2 versions .* rollmill model rebuild-index student"):
        resolve_model(ws.models, "student")
    rebuilt = rebuild_index(MODEL_KIND, ws, "student").index
    assert [(one.number, one.content_hash, one.training_id, one.init, one.bytes) for one in rebuilt.versions] == [
        (one.number, one.content_hash, one.training_id, one.init, one.bytes) for one in before.versions
    ]
    assert [version.folder for version in model_versions(ws.models, "student")] == [first.folder, second.folder]


def test_a_model_goes_or_gets_another_name_while_nothing_rests_on_it(ws: Workspace, tmp_path: Path) -> None:
    first = put(ws, "first")
    init = {"model": "models/student@v1", "content_hash": first.content_hash}
    publish(ws, model(tmp_path / "grown", b"grown"), name="grown", training="g", init=init)
    with pytest.raises(SetupError, match=r"student cannot be removed: grown@v1 rest on it"):
        remove(MODEL_KIND, ws, "student", lambda _: (), dry_run=False)
    with pytest.raises(SetupError, match=r"student cannot be renamed: grown@v1 rest on it"):
        rename(MODEL_KIND, ws, ("student", "pupil"), lambda _: (), dry_run=False)
    assert remove(MODEL_KIND, ws, "grown", lambda _: (), dry_run=False) == 1
    assert rename(MODEL_KIND, ws, ("student", "pupil"), lambda _: (), dry_run=False) == 1
    assert artifact_names(ws.models) == ["pupil"]
    require_published_model(resolve_model(ws.models, "pupil"))


def test_weights_that_a_remote_has_are_freed_and_come_back(ws: Workspace, tmp_path: Path) -> None:
    git(ws.root, "init", "-q", "-b", "main")
    run_dvc(ws.root, "init", "--quiet")
    run_dvc(ws.root, "remote", "add", "--default", "store", str(tmp_path / "store"))
    first, signed, newest = put(ws, "first"), put(ws, "signed"), put(ws, "newest")
    sign_off(MODEL_KIND, ws, "student@v2", "Ada")
    assert [one.needed for one in holdings(MODEL_KIND, model_versions(ws.models, "student"))] == [
        "no DVC remote has its weights",
        "signed off by Ada",
        "newest",
    ]
    push(MODEL_KIND, [first, signed, newest])
    held = holdings(MODEL_KIND, model_versions(ws.models, "student"))
    assert (held[0].needed, held[0].bytes > 0) == (None, True)
    assert free(MODEL_KIND, ws, held) == ["student@v1"]
    assert [version.fetched for version in model_versions(ws.models, "student")] == [False, True, True]
    with pytest.raises(SetupError, match=r"cache .* does not have the weights of student@v1.* rollmill model pull"):
        restore(MODEL_KIND, [first])
    (newest.path / "model.safetensors").unlink()
    with pytest.raises(FoundWanting):
        require_published_model(newest)
    restore(MODEL_KIND, [newest])
    require_published_model(newest)


def test_the_verbs_of_a_model_as_typed(
    ws: Workspace,
    rollmill: Run,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = put(ws, "first")
    monkeypatch.chdir(ws.root)
    assert (
        rollmill("model", "sign-off", "student@v1", "--by", "ann", "--note", "read it").out
        == "ann stands for student@v1.\n"
    )
    assert "signed off by ann, 2" in rollmill("model", "show", "student").out
    assert rollmill("model", "tag", "student@v1", "best", "--dry-run").out == "Would be: best points to student@v1.\n"
    assert rollmill("model", "rebase", "student").out == "Settled.\n"
    assert rollmill("model", "verify", "student").out.startswith("student@v1: 2 files as published")
    (version.path / "config.json").write_text("{}")
    wrong = rollmill("model", "verify", "student")
    assert (wrong.status, "config.json of student@v1 is not the one that was published" in wrong.err) == (1, True)
    assert rollmill("model", "rename", "student", "pupil").out == (
        "Renamed student to pupil. Its recipe needs name: pupil. Next: git add -A models/student models/pupil\n"
    )
    assert rollmill("model", "remove", "pupil").out == "Removed pupil, 1 version. Next: git add -A models/pupil\n"
    assert artifact_names(ws.models) == []
