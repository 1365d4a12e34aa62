"""The ledger on a real PostgreSQL: what the suites under `pytest --postgres` do not ask of it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion
from rollmill.storage.ledger.engine import SCRIPTS
from rollmill.storage.ledger.models import Base
from rollmill.storage.ledger.postgres import IDLE, SERVER
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.segments.upkeep.compaction import compact
from rollmill.storage.spending import Amount, Charge, Limit, Sums
from rollmill.storage.workspace import Workspace
from tests.postgres_server import database, postgres_server

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a fresh cluster."""
    with postgres_server() as url:
        yield url


def reply(name: str, text: str) -> Completion:
    return Completion(name, "q", "toy", "m", "d", "curate", 0, 7, text, "stop")


def key(batch: str) -> SegmentKey:
    return SegmentKey("completions", "toy", "d", batch)


def test_two_processes_migrate_and_race_and_the_first_commit_wins(server: str, tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    Workspace.init(tmp_path).close()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[3]), *sys.path])}
    commands = [[sys.executable, __file__, str(tmp_path), server, name] for name in ("left", "right")]
    racers = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for command in commands]
    endings = {name: racer.communicate()[0].split() for name, racer in zip(("left", "right"), racers, strict=True)}
    with Workspace.open(tmp_path, ledger_url=server) as workspace:
        for batch in range(10):
            [winner] = workspace.segments.fetch("completions", [f"c{batch}"])
            loser = {"left": "right", "right": "left"}[winner.text]
            assert (endings[winner.text][batch], endings[loser][batch]) == ("stored", "redundant")
        assert compact(workspace.segments, "completions").files_after == 1
        assert workspace.recover() == []
        assert workspace.segments.read("completions").num_rows == 10
        lease = workspace.ledger.leases.acquire("batch")
        assert lease is not None
        assert lease.renew()
        assert workspace.ledger.leases.acquire("batch") is None
        workspace.runs.progress("run", "draw", done=1, total=2)
        workspace.runs.progress("run", "draw", done=2, total=2)
        assert [stage.done for stage in workspace.runs.progress_of("run")] == [2]
        with workspace.ledger.read() as session:
            assert compare_metadata(MigrationContext.configure(session.connection()), Base.metadata) == []


def test_a_ledger_that_alembic_made_opens_and_limits_hold(server: str, tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text

    url = database(server, "migrated")
    engine = create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.execute(text("INSERT INTO attempts VALUES ('r', 'b', 'http://x', 'ok', 3, 1.5, 'c', 0.0, 5.0)"))
    engine.dispose()
    Workspace.init(tmp_path).close()
    with Workspace.open(tmp_path, ledger_url=url) as workspace:
        assert [tried.count for tried in workspace.attempts.of("r")] == [3]
        spending = workspace.spending
        assert spending.reserve("r", "b1", Amount(), [Amount(40)] * 3, Limit(tokens=100)) == 2
        assert spending.reserve("r", "b2", Amount(), [Amount(40)], Limit(tokens=100)) == 0
        with workspace.ledger.write() as session:
            sums = Sums(2, 20, 30, 5 * 10**12, 7, 0, 0)
            spending.pay(session, "r", Charge("b1", 0, 0, "3", sums), redundant=False)
        assert (spending.paid("r"), spending.counted("r")) == (sums, Amount(50, 5 * 10**12))
        forecast = workspace.forecasts.add("hash", "toy", "pilot", {"quantities": {}})
        assert workspace.forecasts.score(forecast.id, "r", {"n": 0}).score == {"n": 0}
        assert workspace.forecasts.of_run("r") is not None


def test_imports_are_recorded_refused_and_removed(server: str, tmp_path: Path) -> None:
    from rollmill.storage.imports.removal import imports_held, remove
    from rollmill.storage.imports.rollouts import import_rollouts
    from rollmill.storage.imports.spec import ImportSpec

    Workspace.init(tmp_path).close()
    (tmp_path / "rows.jsonl").write_text('{"prompt": "1+1?", "reference": "2", "model": "m", "text": "2"}\n')
    with Workspace.open(tmp_path, ledger_url=database(server, "imports")) as workspace:
        spec = ImportSpec(tmp_path / "rows.jsonl", "postgres")
        assert import_rollouts(workspace, spec).completions.new == 1
        assert import_rollouts(workspace, spec).completions.already == 1
        assert [(contents.name, contents.rollouts, len(contents.records)) for contents in imports_held(workspace)] == [
            ("postgres", 1, 2)
        ]
        [segment] = [
            segment
            for segment in workspace.segments.registry.segments("completions")
            if segment.producer == "import:postgres"
        ]
        Path(workspace.segments.path(segment)).unlink()
        assert [line.endswith("import its file again") for line in workspace.recover() if segment.id in line] == [True]
        with pytest.raises(SetupError, match="the import 'postgres' is not whole: segments with 1 rows of it were lost"):
            workspace.imports.require_whole("postgres")
        assert import_rollouts(workspace, spec).completions.new == 1
        workspace.imports.require_whole("postgres")
        assert remove(workspace, "postgres").used_by == ()
        assert imports_held(workspace) == []


def test_a_lost_database_is_made_again_from_the_segments(server: str, tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    with Workspace.open(tmp_path, ledger_url=database(server, "dropped")) as workspace:
        workspace.segments.commit(key("b"), [reply("c", "kept")])
    with Workspace.open(tmp_path, ledger_url=database(server, "fresh")) as workspace:
        with pytest.raises(SetupError, match=r"holds nothing.*rollmill doctor --rebuild"):
            _ = workspace.segments
        assert workspace.rebuild().rows == {"completions": 1}
        assert [row.text for row in workspace.segments.fetch("completions", ["c"])] == ["kept"]
        assert workspace.segments.has(key("b"))


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    Workspace.init(tmp_path).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"postgresql://rollmill:secret@127.0.0.1:{free.getsockname()[1]}/none"
        with pytest.raises(SetupError, match="no database answers at") as caught:
            _ = Workspace.open(tmp_path, ledger_url=url).ledger
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_connection_lost_in_a_transaction_is_one_line_and_the_next_one_is_made(server: str, tmp_path: Path) -> None:
    from sqlalchemy import create_engine, text

    Workspace.init(tmp_path).close()
    url = database(server, "lost")
    killer = create_engine(server.replace("postgresql", "postgresql+psycopg", 1))
    with Workspace.open(tmp_path, ledger_url=url) as workspace, killer.connect() as elsewhere:
        ledger = workspace.ledger
        lost = r"the connection to the ledger .* was lost; .* run the same command again"
        with pytest.raises(SetupError, match=lost), ledger.write() as session:  # noqa: PT012 - it is the block that fails
            pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            elsewhere.execute(text(f"SELECT pg_terminate_backend({pid}, 10000)"))
            session.execute(text("SELECT 1"))
        with ledger.write() as session:
            sides = {name: session.execute(text(f"SHOW {name}")).scalar_one() for name in SERVER}
            assert sides["tcp_keepalives_idle"] == str(IDLE)
            assert session.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one() == "1min"
    killer.dispose()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rollmill@", "nobody:secret@"), 'role "nobody" does not exist'),
        (("/postgres", "/elsewhere"), 'database "elsewhere" does not exist'),
    ],
)
def test_a_wrong_user_or_database_is_one_line(server: str, tmp_path: Path, change: tuple[str, str], message: str) -> None:
    Workspace.init(tmp_path).close()
    with pytest.raises(SetupError, match=r"the database at .* refuses: ") as caught:
        _ = Workspace.open(tmp_path, ledger_url=server.replace(*change)).ledger
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


if __name__ == "__main__":
    with Workspace.open(Path(sys.argv[1]), ledger_url=sys.argv[2]) as opened:
        for number in range(10):
            done = opened.segments.commit(key(f"b{number}"), [reply(f"c{number}", sys.argv[3])])
            sys.stdout.write("redundant\n" if done.redundant else "stored\n")
