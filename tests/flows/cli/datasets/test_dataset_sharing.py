"""`rollmill dataset log`, and `push` and `pull` between two clones with real git and DVC."""

import json
import shutil
from pathlib import Path

import pytest

from tests.flows.conftest import Run
from tests.repositories import git, run_dvc

pytestmark = pytest.mark.integration


def curated(rollmill: Run, *sets: str) -> dict[str, object]:
    result = rollmill("curate", "toy.yaml", "--direct", "--json", *(part for item in sets for part in ("--set", item)))
    assert result.status == 0, result.err
    outcome: dict[str, object] = json.loads(result.out)
    return outcome


def test_log_says_what_changed_before_each_version(toy: Path, rollmill: Run) -> None:
    outcome = curated(rollmill)
    curated(rollmill, "select.options.per_problem=1")
    assert rollmill("dataset", "tag", "toy@v1", "first").status == 0
    newest, first = json.loads(rollmill("dataset", "log", "toy", "--json").out)
    assert (newest["version"], newest["parent"], newest["kept_change"]) == (
        "toy@v2",
        "toy@v1",
        newest["kept"] - first["kept"],
    )
    assert newest["changes"] == [{"key": "recipe.select.options.per_problem", "old": 3, "new": 1}]
    assert (first["parent"], first["changes"], first["tags"]) == (None, [], ["first"])
    page = rollmill("dataset", "log", "toy").out
    assert "select.options.per_problem 3 -> 1" in page
    assert page.endswith("Next: rollmill dataset diff toy@v1 toy@v2\n")
    shown = rollmill("dataset", "show", "toy").out
    assert f"\n  drift      from {str(outcome['content_hash'])[:8]}: duplicates 0.000 [0.000, 0.602], length " in shown
    assert "level 0.057 [0.000, 0.088], pass rate 0.000 [0.000, 0.602]" in shown  # the same rollouts, fewer of them kept


def test_without_a_repository_the_next_step_is_named(toy: Path, rollmill: Run) -> None:
    curated(rollmill)
    result = rollmill("dataset", "push", "toy")
    assert (result.status, "not in a DVC repository. Next: git init && dvc init" in result.err) == (2, True)
    result = rollmill("dataset", "pull")
    assert (result.status, "there is no version to share" in result.err) == (2, True)


@pytest.mark.services
def test_versions_go_from_one_clone_to_another(
    toy: Path, rollmill: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(toy, "init", "-q", "-b", "main")
    run_dvc(toy, "init", "--quiet")
    outcome = curated(rollmill)
    result = rollmill("dataset", "push", "toy")
    assert (result.status, "no default DVC remote is set. Next: dvc remote add --default" in result.err) == (2, True)
    run_dvc(toy, "remote", "add", "--default", "store", str(tmp_path / "store"))
    result = rollmill("dataset", "push", "toy", "--remote", "stor")
    assert (result.status, "no DVC remote 'stor'. Valid: store. Next: " in result.err) == (2, True)
    result = rollmill("dataset", "push")
    assert result.out.startswith("Pushed toy@v1: ")
    git(toy, "add", ".")
    git(toy, "commit", "-q", "-m", "v1")

    git(tmp_path, "clone", "-q", str(toy), "clone")
    monkeypatch.chdir(tmp_path / "clone")
    assert rollmill("init", ".", "--bare").status == 0
    result = rollmill("dataset", "show", "toy")
    assert result.status == 0, result.err
    result = rollmill("dataset", "push", "toy")
    assert (result.status, "the rows of toy@v1 are not in this clone. Next: rollmill dataset pull" in result.err) == (
        2,
        True,
    )
    assert rollmill("dataset", "pull", "--dry-run").out == "Would pull toy@v1.\n"
    result = rollmill("dataset", "pull")
    assert result.out.startswith("Pulled toy@v1: "), result.err
    verified = rollmill("dataset", "verify", "toy", "--base", ".")
    assert verified.status == 0, verified.err
    assert json.loads(rollmill("dataset", "show", "toy", "--json").out)["content_hash"] == outcome["content_hash"]
    assert (tmp_path / "clone/datasets/toy/latest").is_symlink()

    shutil.rmtree(tmp_path / "store")  # a remote that lost its files: a refusal, and what is here stays
    shutil.rmtree(tmp_path / "clone/.dvc/cache")
    shutil.rmtree(tmp_path / "clone/datasets/toy" / Path(str(outcome["path"])).name)
    result = rollmill("dataset", "pull", "toy@v1")
    assert (result.status, "the listing of files of toy@v1 is not in DVC's cache" in result.err) == (1, True), result
