"""Versions of models: one number for one content, whatever was killed on the way; marks, lineage, damage."""

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.files import read_object
from rollmill.storage.artifacts import marks
from rollmill.storage.models import lineage
from rollmill.storage.models.files import content_hash, model_files, require_published_model, version_folder
from rollmill.storage.models.index import model_versions, resolve_model
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.models.publish import ModelPublication, publish_model, trained_version
from rollmill.storage.workspace import Workspace
from tests.forked import Forked

PART = {"version": "sums@v1", "content_hash": "d" * 64, "rows": 3, "licences": ["MIT"]}
KILLED = (-signal.SIGKILL, "")


def model(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "toy"}\n')
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "scores.json").write_text("{}")
    return folder


def publish(
    ws: Workspace, folder: Path, *, name: str = "student", training: str | None = "t1", **record: Any
) -> ModelPublication:
    return publish_model(
        ws, name, folder, {"init": None, "data": [PART], "format": "sft", **record}, "# card\n", training_id=training
    )


def work(root: Path) -> None:
    with Workspace.open(root) as ws:
        publish(ws, model(root / "made"))


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    workspace = Workspace.init(tmp_path / "ws")
    workspace.close()
    return workspace


def test_equal_content_and_an_equal_training_are_one_version(ws: Workspace, tmp_path: Path) -> None:
    first = publish(ws, model(tmp_path / "one"))
    assert (first.version.ref, first.created) == ("student@v1", True)
    assert first.version.record()["files"].keys() == {"config.json", "model.safetensors"}
    assert first.version.content_hash == content_hash(model_files(first.version.path))
    for folder, training in ((model(tmp_path / "again"), "t2"), (model(tmp_path / "other", b"bits"), "t1")):
        again = publish(ws, folder, training=training)
        assert (again.version.ref, again.created) == ("student@v1", False)
    second = publish(ws, model(tmp_path / "more", b"more"), training="t3")
    assert (second.version.ref, second.created) == ("student@v2", True)
    found = trained_version(ws, "student", "t3")
    assert found is not None
    assert found.ref == "student@v2"
    assert trained_version(ws, "student", "t2") is None


def test_files_about_a_model_do_not_change_its_content(ws: Workspace, tmp_path: Path) -> None:
    bare = content_hash(model_files(model(tmp_path / "one")))
    for name in ("README.md", "training.json", "order.parquet", "steps.jsonl"):
        (tmp_path / "one" / name).write_text("seconds: 3")
    assert content_hash(model_files(tmp_path / "one")) == bare
    (tmp_path / "one" / "tokenizer.json").write_text("{}")
    assert content_hash(model_files(tmp_path / "one")) != bare


@pytest.mark.parametrize("point", ["model.written", "model.index"])
def test_a_publication_that_was_killed_ends_as_an_undisturbed_one(tmp_path: Path, point: str) -> None:
    for name in ("whole", "parts"):
        Workspace.init(tmp_path / name).close()
    work(tmp_path / "whole")
    assert Forked(work, tmp_path / "parts", point=point).end() == KILLED
    work(tmp_path / "parts")
    entries = [model_versions(tmp_path / name / "models", "student") for name in ("whole", "parts")]
    assert [[entry.number for entry in one] for one in entries] == [[1], [1]]
    assert entries[0][0].content_hash == entries[1][0].content_hash
    folders = [tmp_path / name / "models" for name in ("whole", "parts")]
    trees = [sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) for folder in folders]
    assert trees[0] == trees[1]
    assert not any(".partial-" in name for name in trees[1])


def test_a_half_written_folder_goes_with_the_next_publication(ws: Workspace, tmp_path: Path) -> None:
    (ws.models / "student" / ".partial-v1-00000000").mkdir(parents=True)
    publish(ws, model(tmp_path / "one"))
    assert list((ws.models / "student").glob(".partial-*")) == []


def test_a_reference_is_a_number_a_hash_a_tag_or_the_newest(ws: Workspace, tmp_path: Path) -> None:
    versions = [publish(ws, model(tmp_path / name, name.encode()), training=name).version for name in ("a", "b")]
    marks.tag(MODEL_KIND, ws, "student@v1", "release")
    for reference, wanted in {
        "student": 2, "models/student": 2, "student@v1": 1, f"student@{versions[0].content_hash[:8]}": 1,
        "student@release": 1, f"student@{versions[1].folder}": 2,
    }.items():  # fmt: skip
        assert resolve_model(ws.models, reference).number == wanted
    for reference, said in {
        "student@v3": "student has no version called 'v3'",
        "studnet": "unknown model 'studnet'",
    }.items():
        with pytest.raises(SetupError, match=said) as caught:
            resolve_model(ws.models, reference)
        assert "student" in str(caught.value)
    assert version_folder(ws.models, "models/student@v1") == versions[0].path
    assert version_folder(ws.models, "gpt-9") is None


def test_tags_move_on_request_and_a_withdrawn_version_has_no_bare_name(ws: Workspace, tmp_path: Path) -> None:
    for name in ("a", "b"):
        publish(ws, model(tmp_path / name, name.encode()), training=name)
    assert marks.tag(MODEL_KIND, ws, "student@v1", "release").tags == ("release",)
    with pytest.raises(SetupError, match="the tag 'release' is on v1-"):
        marks.tag(MODEL_KIND, ws, "student@v2", "release")
    assert marks.tag(MODEL_KIND, ws, "student@v2", "release", move=True).tags == ("release",)
    with pytest.raises(SetupError, match="is not a valid tag"):
        marks.tag(MODEL_KIND, ws, "student@v2", "v7")
    with pytest.raises(SetupError, match=r"the tag 'release' is on v2-.*, not on student@v1"):
        marks.untag(MODEL_KIND, ws, "student@v1", "release")
    assert marks.untag(MODEL_KIND, ws, "student@v2", "release").tags == ()
    assert marks.yank(MODEL_KIND, ws, "student@v2", "trained on withdrawn data").yanked == "trained on withdrawn data"
    assert resolve_model(ws.models, "student").ref == resolve_model(ws.models, "student@latest").ref == "student@v1"
    assert resolve_model(ws.models, "student@v2").yanked is not None
    marks.yank(MODEL_KIND, ws, "student@v1", "as well")
    with pytest.raises(SetupError, match="every version of student is yanked"):
        resolve_model(ws.models, "student")
    with pytest.raises(SetupError, match="a yank needs a reason"):
        marks.yank(MODEL_KIND, ws, "student@v1", " ")
    assert marks.unyank(MODEL_KIND, ws, "student@v2").yanked is None
    with pytest.raises(SetupError, match="student@v2 is not yanked"):
        marks.unyank(MODEL_KIND, ws, "student@v2")


def test_a_damaged_file_is_found(ws: Workspace, tmp_path: Path) -> None:
    version = publish(ws, model(tmp_path / "one")).version
    require_published_model(version)
    (version.path / "model.safetensors").write_bytes(b"weighty")
    with pytest.raises(FoundWanting, match=r"model\.safetensors of student@v1 is not the one that was published"):
        require_published_model(version)
    (version.path / "model.safetensors").unlink()
    with pytest.raises(FoundWanting, match=r"model\.safetensors of student@v1"):
        require_published_model(version)


def test_deleted_files_of_an_untracked_version_are_written_again(ws: Workspace, tmp_path: Path) -> None:
    version = publish(ws, model(tmp_path / "one")).version
    shutil.rmtree(version.path)
    assert not resolve_model(ws.models, "student").fetched
    with pytest.raises(SetupError, match="the weights of student@v1 are not in this clone"):
        version_folder(ws.models, "models/student")
    publish(ws, model(tmp_path / "one"))
    require_published_model(resolve_model(ws.models, "student"))


def test_other_content_of_a_training_never_replaces_deleted_files(ws: Workspace, tmp_path: Path) -> None:
    version = publish(ws, model(tmp_path / "one")).version
    shutil.rmtree(version.path)
    again = publish(ws, model(tmp_path / "other", b"bits"))
    assert (again.version.ref, again.created, version.path.exists()) == ("student@v2", True, False)
    require_published_model(again.version)
    found = trained_version(ws, "student", "t1")
    assert found is not None
    assert found.ref == "student@v2"


def test_files_that_are_written_again_have_the_record_of_their_version(ws: Workspace, tmp_path: Path) -> None:
    version = publish(ws, model(tmp_path / "one"), format="sft").version
    shutil.rmtree(version.path)
    publish(ws, model(tmp_path / "one"), training="t2", format="pairs")
    assert read_object(version.path / "training.json", next_command="") == version.record()


def test_lineage_goes_to_the_data_and_to_the_ancestors(ws: Workspace, tmp_path: Path) -> None:
    first = publish(
        ws, model(tmp_path / "a", b"a"), training="a", init={"model": "models/tiny", "content_hash": "0" * 64}
    ).version
    init = {"model": "models/student@v1", "content_hash": first.content_hash}
    second = publish(ws, model(tmp_path / "b", b"b"), name="grown", training="b", init=init).version
    assert second.init == first.content_hash
    chain = lineage.ancestors(ws.models, second)
    assert [one if isinstance(one, str) else one.ref for one in chain] == ["student@v1", "models/tiny"]
    assert [(version.ref, part["rows"]) for version, part in lineage.trained_on(ws.models, "d" * 64)] == [
        ("grown@v1", 3),
        ("student@v1", 3),
    ]
    assert list(lineage.trained_on(ws.models, "e" * 64)) == []


def test_names_and_folders_that_are_no_model_are_refused(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="'Student!' is not a valid model name"):
        publish(ws, model(tmp_path / "one"), name="Student!")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetupError, match=r"has no config.json. Next: name a model folder in the form of Hugging Face"):
        publish(ws, tmp_path / "empty")
    model(ws.models / "shipped")
    with pytest.raises(SetupError, match="is a model folder without versions"):
        publish(ws, model(tmp_path / "one"), name="shipped")


def test_a_damaged_index_names_what_restores_it(ws: Workspace, tmp_path: Path) -> None:
    publish(ws, model(tmp_path / "one"))
    path = ws.models / "student" / "index.json"
    path.write_text(path.read_text().replace('"model_index_schema": 1', '"model_index_schema": 9'))
    with pytest.raises(SetupError, match=r"has model_index_schema 9; this Rollmill reads 1"):
        MODEL_KIND.format.load(ws.models, "student")
    path.write_text("<<<<<<< HEAD\n")
    with pytest.raises(SetupError, match=r"holds a git conflict: .* Next: rollmill model rebase student"):
        MODEL_KIND.format.load(ws.models, "student")
