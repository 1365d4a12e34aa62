"""A workspace or a DVC repository of another user above the current folder, or in a folder where everybody may write."""

import os
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.dvc import repository
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, rollmill  # noqa: F401 (a fixture)

pytestmark = [
    pytest.mark.security,
    pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user"),
]
NOBODY = 65534


@pytest.fixture
def above(tmp_path: Path) -> Path:
    """A workspace of another user with a folder of the person's own in it."""
    Workspace.init(tmp_path / "theirs").close()
    (tmp_path / "theirs/mine").mkdir()
    return tmp_path / "theirs"


@pytest.mark.parametrize("given", ["", "rollmill.toml", ".rollmill"])
def test_a_workspace_of_another_user_above_is_not_used(
    above: Path,
    given: str,
    monkeypatch: pytest.MonkeyPatch,
    rollmill: Run,  # noqa: F811
) -> None:
    os.chown(above / given, NOBODY, NOBODY)
    monkeypatch.chdir(above / "mine")
    for command in ("runs list", "schedule list", "down", "doctor --quick"):
        done = rollmill(*command.split())
        assert done.status == 2, done
        assert "is of a workspace of the user nobody: it is not used" in done.err
        assert f"cd {above} (to use it)" in done.err
    Workspace.open(above).close()  # the person's word


def test_a_link_to_a_workspace_file_of_the_person_s_own_is_of_who_made_the_link(above: Path, tmp_path: Path) -> None:
    Workspace.init(tmp_path / "own").close()
    (above / "rollmill.toml").unlink()
    (above / "rollmill.toml").symlink_to(tmp_path / "own/rollmill.toml")
    os.chown(above / "rollmill.toml", NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(SetupError, match="of the user nobody"):
        Workspace.open(above / "mine")


@pytest.mark.parametrize("given", ["rollmill.toml", ".rollmill"])
def test_a_workspace_of_another_user_in_a_folder_for_everybody_is_not_used_inside_either(above: Path, given: str) -> None:
    os.chown(above / given, NOBODY, NOBODY)
    Workspace.open(above).close()
    above.chmod(0o1777)
    for place in (above, above / "mine"):
        with pytest.raises(SetupError, match=r"of the user nobody: it is not used\. Next: .*rollmill init in a folder"):
            Workspace.open(place)


def test_a_dvc_repository_of_another_user_above_the_workspace_gets_no_data(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    Workspace.init(tmp_path / "ws").close()
    assert repository(tmp_path / "ws/datasets", ".dvc") == tmp_path
    os.chown(tmp_path / ".dvc", NOBODY, NOBODY)
    assert repository(tmp_path / "ws/datasets", ".dvc") is None
    (tmp_path / "ws/.dvc").mkdir()
    os.chown(tmp_path / "ws/.dvc", NOBODY, NOBODY)  # a workspace that several users share
    assert repository(tmp_path / "ws/datasets", ".dvc") == tmp_path / "ws"
