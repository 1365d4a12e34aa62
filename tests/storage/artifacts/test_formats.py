"""Indexes of datasets and models as they were written before: read, and written again with the same bytes."""

from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts.index import IndexFormat, SignOff
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.versions.index import FORMAT

DATASET = """{
 "index_schema": 1,
 "name": "toy",
 "signoffs": [
  {
   "at": "2026-01-02T03:04:05+00:00",
   "by": "Ada",
   "folder": "v1-aaaaaaaa",
   "note": "read 100 rows"
  }
 ],
 "tags": {
  "golden": "v1-aaaaaaaa"
 },
 "versions": [
  {
   "content_hash": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
   "created_at": "2026-01-02T03:04:05+00:00",
   "kept": 2,
   "kept_hash": "k",
   "number": 1,
   "parent": null,
   "problems": 3,
   "recipe_hash": "r",
   "rows": 6,
   "scores_hash": "s"
  }
 ],
 "yanked": {}
}
"""
MODEL = """{
 "model_index_schema": 1,
 "name": "toy",
 "tags": {},
 "versions": [
  {
   "bytes": 31,
   "content_hash": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
   "created_at": "2026-01-02T03:04:05+00:00",
   "init": null,
   "number": 1,
   "training_id": "t1"
  }
 ],
 "yanked": {
  "v1-bbbbbbbb": "wrong data"
 }
}
"""
EMPTY = """{
 "index_schema": 1,
 "name": "toy",
 "signoffs": [],
 "tags": {},
 "versions": [],
 "yanked": {}
}
"""


@pytest.mark.parametrize(("form", "text"), [(FORMAT, DATASET), (FORMAT, EMPTY), (MODEL_KIND.format, MODEL)])
def test_an_index_is_written_as_it_was_read(form: IndexFormat, text: str, tmp_path: Path) -> None:  # type: ignore[type-arg]
    path = tmp_path / "toy" / "index.json"
    path.parent.mkdir()
    path.write_text(text)
    index = form.load(tmp_path, "toy")
    path.unlink()
    form.save(tmp_path, index)
    assert path.read_text() == text


def test_an_index_of_the_other_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="is not an index of versions"):
        FORMAT.parse(MODEL, tmp_path / "toy" / "index.json")
    with pytest.raises(SetupError, match=r"remove it and rollmill model rebuild-index toy"):
        MODEL_KIND.format.parse(DATASET, tmp_path / "toy" / "index.json")


def test_a_sign_off_of_a_model_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "toy" / "index.json"
    word = '"signoffs": [{"at": "2026-01-02", "by": "Ada", "folder": "v1-bbbbbbbb", "note": ""}],\n "tags"'
    index = MODEL_KIND.format.parse(MODEL.replace('"tags"', word), path)
    assert index.signoffs == (SignOff("v1-bbbbbbbb", "Ada", "2026-01-02"),)
    assert MODEL_KIND.format.parse(MODEL_KIND.format.text(index), path) == index
