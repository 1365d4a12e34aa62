"""A workspace is found from below, made twice without harm, refused in one line when it cannot be used."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import PlanRow, Problem
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.versions.publish import publish
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import build

KEY = SegmentKey("problems", "toy", "1", "b")


def test_init_writes_its_files_once(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.pyc")
    Workspace.init(tmp_path)
    (tmp_path / "rollmill.toml").write_text("# mine\n")
    Workspace.init(tmp_path)
    assert (tmp_path / "rollmill.toml").read_text() == "# mine\n"
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n.rollmill/\n"
    assert (tmp_path / ".dvcignore").read_text() == ".rollmill/\n__pycache__/\n"
    assert (tmp_path / ".rollmill").is_dir()


def test_open_finds_the_nearest_parent(tmp_path: Path) -> None:
    Workspace.init(tmp_path)
    inner = Workspace.init(tmp_path / "inner")
    below = tmp_path / "inner" / "a" / "b"
    below.mkdir(parents=True)
    assert Workspace.open(below).root == inner.root
    assert Workspace.open(tmp_path).datasets == tmp_path / "datasets"


def test_no_workspace_names_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as caught:
        Workspace.open(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} is not in a Rollmill workspace: no rollmill.toml here or above. Next: rollmill init"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[ledgr]\nurl = 'x'\n", "'ledgr' is not known here."),
        ("[ledger]\npath = 'x'\n", "'ledger' is not known here."),
        ("[segments]\nurl = 3\n", "[segments] url must be a text."),
        ("[ledger\n", "cannot be read"),
    ],
)
def test_a_broken_settings_file_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "rollmill.toml").write_text(content)
    with pytest.raises(SetupError, match=r"rollmill\.toml") as caught:
        Workspace.open(tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "mysql+nothing://host/name"])
def test_a_ledger_url_that_cannot_work_is_one_line(tmp_path: Path, url: str) -> None:
    Workspace.init(tmp_path)
    with pytest.raises(SetupError) as caught, Workspace.open(tmp_path, ledger_url=url) as workspace:
        workspace.ledger.read()
    assert "\n" not in str(caught.value)


def test_a_segments_url_of_an_unknown_kind_is_one_line(tmp_path: Path) -> None:
    Workspace.init(tmp_path)
    with pytest.raises(SetupError, match="segments url 'nosuch://x' is not a place for segments"):
        _ = Workspace.open(tmp_path, segments_url="nosuch://x").segments


def test_settings_choose_ledger_and_segments_and_a_profile_comes_first(tmp_path: Path) -> None:
    Workspace.init(tmp_path)
    (tmp_path / "rollmill.toml").write_text("[ledger]\nurl = 'sqlite:///books.db'\n[segments]\nurl = 'rows'\n")
    with Workspace.open(tmp_path) as workspace:
        workspace.segments.commit(KEY, [Problem("2+2?", "4")])
    assert (tmp_path / "books.db").is_file()
    assert len(list((tmp_path / "rows").glob("problems/*/*.parquet"))) == 1
    with Workspace.open(tmp_path, ledger_url="sqlite:///other.db", segments_url="other") as workspace:
        assert not workspace.segments.has(KEY)


def test_segments_of_another_ledger_are_not_touched(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as workspace:
        workspace.segments.commit(KEY, [Problem("2+2?", "4")])
    with pytest.raises(SetupError, match=r"is missing: .*rollmill doctor --rebuild"):
        _ = Workspace.open(tmp_path, ledger_url="sqlite:///other.db").segments
    with pytest.raises(SetupError, match="holds none of them"):
        _ = Workspace.open(tmp_path, segments_url="elsewhere").segments
    with Workspace.open(tmp_path) as workspace:
        assert workspace.recover() == []
        assert workspace.segments.has(KEY)


def test_opening_is_light() -> None:
    heavy = {"duckdb", "alembic", "pandas", "prefect", "torch", "numpy"}
    code = f"import sys, rollmill.storage.workspace; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_env())
    assert done.stdout == "[]\n"


READ_ONLY = """
import os, sys, tempfile
from pathlib import Path
from rollmill.ground.errors import SetupError
from rollmill.ground.records import PlanRow, Problem
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace

def use(root):
    with Workspace.open(root) as workspace:
        rows = workspace.segments.read("problems").num_rows
        key = SegmentKey("problems", "toy", "1", "c")
        for act in (workspace.recover, lambda: workspace.segments.commit(key, [Problem("1", "1")])):
            try:
                act()
            except SetupError as error:
                print(error)
        return rows

with tempfile.TemporaryDirectory() as folder:  # everything is imported before the interpreter becomes unreadable
    Workspace.init(Path(folder)).close()
    assert use(Path(folder)) == 0
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
print(use(Path(sys.argv[1])))
"""


@pytest.mark.sqlite
@pytest.mark.parametrize("somebody_writes", [False, True])
def test_a_read_only_workspace_is_read_and_refuses_to_write(somebody_writes: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        workspace = Workspace.init(root)
        workspace.segments.commit(KEY, [Problem("2+2?", "4")])
        if not somebody_writes:
            workspace.close()
        _permit(root, 0o555, 0o444)
        try:
            command = [sys.executable, "-c", READ_ONLY, str(root)]
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=_env())
        finally:
            _permit(root, 0o755, 0o644)
            workspace.close()
    rest = "is read-only for this user. Next: make it writable or work on a copy of the workspace"
    places = f"the ledger {root}/.rollmill/ledger.sqlite", f"{root}/.rollmill/segments"
    assert (done.stdout.splitlines(), done.stderr) == ([*(f"{place} {rest}" for place in places), "1"], "")


def _permit(root: Path, folder: int, file: int) -> None:
    for path in (root, *root.rglob("*")):
        path.chmod(folder if path.is_dir() else file)


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


HIDDEN = """
import os, sys
from rollmill.ground.errors import SetupError
from rollmill.storage.artifacts.index import artifact_names
from rollmill.ground.errors import explained
from pathlib import Path

if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
root = Path(sys.argv[1])
for act in (lambda: artifact_names(root / "shut"), lambda: open(root / "shut" / "x"), lambda: open(root / "file"),
            lambda: open(root / "open" / "new", "w")):
    try:
        with explained("?"):
            try:
                act()
            except OSError as error:
                with explained(error.filename):
                    raise
    except SetupError as error:
        print(error.message.replace(str(root), "."))
"""


def test_what_may_not_be_read_is_not_said_to_be_read_only() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, rights in (("shut", 0o000), ("open", 0o555)):
            (root / name).mkdir()
            (root / name).chmod(rights)
        (root / "file").write_text("")
        (root / "file").chmod(0o000)
        root.chmod(0o755)
        command = [sys.executable, "-c", HIDDEN, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_env())
        for name in ("shut", "open"):
            (root / name).chmod(0o755)
    assert (done.stderr, done.stdout.splitlines()) == (
        "",
        [
            "./shut may not be read by this user.",
            "./shut/x may not be read by this user.",
            "./file may not be read by this user.",
            "./open/new is read-only for this user.",
        ],
    )


@pytest.mark.parametrize("name", ["a?b", "a\\b"])
def test_a_place_in_which_nothing_could_be_published_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(SetupError, match="DuckDB cannot write a database there"):
        Workspace.init(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / name).mkdir()
    (tmp_path / name / "rollmill.toml").write_text("")
    with pytest.raises(SetupError, match="move or rename the folder"):
        Workspace.open(tmp_path / name)


@pytest.mark.parametrize("name", ["a*b", "a[b]c", "a#b", "a%20b", "a b", "a'b", 'a"b', "a\nb", "é中", "a;b", "a$b"])
def test_other_odd_names_do(tmp_path: Path, name: str) -> None:
    with Workspace.init(tmp_path / name) as workspace:
        key = SegmentKey("problems", "toy", "1", "b0")
        workspace.segments.commit(key, [Problem("What is 2 + 2?", "4")])
        assert workspace.segments.read("problems").num_rows == 1
        version = publish(workspace, build(), report_html="", report_json={}).version
        with duckdb.connect(str(version.path / "dataset.duckdb"), read_only=True) as connection:
            assert connection.sql("select count(*) from kept").fetchall() == [(2,)]
        assert pq.read_table(version.path / "kept.parquet").num_rows == 2


def test_two_first_commands_at_once_both_find_the_place_theirs(tmp_path: Path) -> None:
    """While one looks whose the empty place is, the other takes it for the same ledger and stores its first segment."""
    from rollmill.storage.segments.checking import bind
    from rollmill.storage.segments.place import LocalPlace

    class Slow(LocalPlace):
        """Its first answer is from before the other command."""

        asked = 0

        def owner(self) -> str | None:
            owner = super().owner()
            self.asked += 1
            if self.asked == 1:
                with Workspace.open(tmp_path) as other:
                    other.runs.open("r", name="r", recipe={}, recipe_hash="h")
                    other.runs.commit_plan("r", 0, [PlanRow("r", 0, 0, 0, "p", "q", "c", 0, 0)], [])
            return owner

    with Workspace.init(tmp_path) as workspace:
        store = workspace._unbound()
        place = Slow(workspace.state / "segments")
        bind(store.registry, place)
        assert place.owner() == store.registry.identity()
        assert not store.registry.is_empty()
