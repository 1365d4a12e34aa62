"""Rows go in once and come out whole: commits, look-ups, views, remote places, threads."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, SessionTransaction

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.ground.records import (
    AcceptedOutcome,
    Completion,
    Decision,
    JudgedRow,
    Message,
    PlanRow,
    Problem,
    Score,
    StopRow,
    Verdict,
)
from rollmill.storage.segments.keys import KINDS, Commit, Kind, SegmentKey, SentPrompt
from rollmill.storage.segments.schema import SCHEMAS, Record
from rollmill.storage.segments.store import SegmentStore
from rollmill.storage.segments.upkeep.compaction import compact
from rollmill.storage.workspace import Workspace

ONE = Completion("c1", "p", "toy", "m", "d", "curate", 0, 7, "one", "stop")
TWO = replace(ONE, id="c2", sample_index=1, text="two", token_ids=(1, 2), messages=(Message("user", "x"),))
THREE = replace(ONE, id="c3", sample_index=2, text="three")
YES = Verdict("c1", "p1", "number", "1", "correct", "equal")
NO = Verdict("c2", "p1", "number", "1", "incorrect", "equal")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SegmentStore]:
    with Workspace.init(tmp_path) as workspace:
        yield workspace.segments


def completions(batch: str) -> SegmentKey:
    return SegmentKey("completions", "toy", "d", batch)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def test_a_batch_is_stored_once(store: SegmentStore, tmp_path: Path) -> None:
    first = store.commit(completions("a"), [ONE, TWO])
    again = store.commit(completions("a"), [replace(ONE, text="another")])
    assert (first.rows, first.redundant) == (2, False)
    assert again == Commit(first.segment_id, 2, redundant=True)
    assert store.fetch("completions", ["c1"]) == [ONE]
    assert [path.stem for path in files(tmp_path)] == [first.segment_id]


def test_the_file_of_a_commit_in_doubt_stays(store: SegmentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full at the sync of SQLite's log: the commit is told as failed and may count when the log is read."""

    def failing(session: Session) -> None:
        raise OperationalError("COMMIT", {}, sqlite3.OperationalError("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(Session, "commit", failing)
        patch.setattr(SessionTransaction, "commit", failing)
        with pytest.raises(Unavailable):
            store.commit(completions("a"), [ONE])
    assert len(files(tmp_path)) == 1
    assert not store.has(completions("a"))
    again = store.commit(completions("a"), [ONE])
    assert (again.redundant, store.fetch("completions", ["c1"])) == (False, [ONE])


def test_a_file_lies_where_its_id_says(store: SegmentStore, tmp_path: Path) -> None:
    name = store.commit(completions("a"), [ONE]).segment_id
    assert files(tmp_path) == [tmp_path / ".rollmill" / "segments" / "completions" / name[:2] / f"{name}.parquet"]


def test_several_batches_are_registered_together_or_not_at_all(store: SegmentStore, tmp_path: Path) -> None:
    verdicts = SegmentKey("verdicts", "number", "1", "v")
    with pytest.raises(ValueError, match="does not belong under"):
        store.commit_many([(completions("a"), [ONE]), (verdicts, [replace(YES, version="2")])])
    assert not store.has(completions("a"))
    assert files(tmp_path) == []
    commits = store.commit_many([(completions("a"), [ONE]), (verdicts, [YES]), (completions("a"), [ONE])])
    assert [commit.redundant for commit in commits] == [False, False, True]
    assert store.has(completions("a"))
    assert store.has(verdicts)
    assert len(files(tmp_path)) == 2


def test_a_score_under_another_name_is_refused(store: SegmentStore) -> None:
    with pytest.raises(ValueError, match="does not belong under"):
        store.commit(SegmentKey("scores", "length", "1", "s"), [Score("c1", "p1", "width", "1", 1.0)])


def test_present_and_fetch_by_id(store: SegmentStore) -> None:
    store.commit(completions("a"), [ONE, TWO])
    store.commit(completions("b"), [THREE])
    assert store.present("completions", ["c3", "c9", "c1", "c1"]) == {"c1", "c3"}
    assert store.fetch("completions", ["c3", "c9", "c1", "c3"]) == [THREE, ONE]
    assert store.present("completions", []) == set()
    assert store.fetch("completions", []) == []
    assert store.fetch("completions", ["c9"]) == []


def test_problems_come_back_as_they_were(store: SegmentStore) -> None:
    problem = Problem((Message("user", "2+2?"),), "4", level=1, meta={"graph": "add"}, external_id="x")
    store.commit(SegmentKey("problems", "templates", "1", "a"), [problem])
    assert store.fetch("problems", [problem.id]) == [problem]


def test_a_kind_without_ids_cannot_be_looked_up(store: SegmentStore) -> None:
    with pytest.raises(SetupError, match="plan have no ids to look up"):
        store.present("plan", ["x"])


def test_scores_of_other_scorers_and_versions_are_told_apart(store: SegmentStore) -> None:
    store.commit(SegmentKey("scores", "length", "1", "a"), [Score("c1", "p1", "length", "1", 3.0)])
    by_line = Score("c1", "p1", "length", "2", 4.0, (1.0, 3.0), 0.5, 0.25)
    store.commit(SegmentKey("scores", "length", "2", "a"), [by_line, Score("c2", "p1", "length", "2", 5.0)])
    pairs = [("c1", "p1"), ("c2", "p1"), ("c1", "p2")]
    assert store.scored("length", "1", pairs) == {("c1", "p1")}
    assert store.scored("length", "2", pairs) == {("c1", "p1"), ("c2", "p1")}
    assert store.scored("width", "1", pairs) == set()
    wanted = [("length", "2"), ("length", "1")]
    assert [(row.completion_id, row.value) for row in store.fetch_scores(wanted, pairs)] == [
        ("c1", 4.0),
        ("c1", 3.0),
        ("c2", 5.0),
    ]
    assert store.fetch_scores(wanted, pairs)[0] == by_line
    assert store.registry.makers("scores") == [("length", "1"), ("length", "2")]


def test_verdicts_come_pair_by_pair_in_the_order_of_the_verifiers(store: SegmentStore) -> None:
    other = replace(YES, verifier="math", version="2", outcome="undecided", cause="cpu_limit")
    store.commit(SegmentKey("verdicts", "number", "1", "a"), [YES, NO])
    store.commit(SegmentKey("verdicts", "math", "2", "a"), [other])
    chain = [("math", "2"), ("number", "1")]
    assert store.fetch_verdicts(chain, [("c2", "p1"), ("c1", "p1"), ("c9", "p1")]) == [NO, other, YES]
    assert store.fetch_verdicts([], [("c1", "p1")]) == []


def test_read_gives_the_schema_and_one_producer(store: SegmentStore) -> None:
    assert store.read("completions").schema == SCHEMAS["completions"]
    store.commit(completions("a"), [ONE])
    store.commit(SegmentKey("completions", "other", "d", "a"), [TWO])
    assert store.read("completions").column("id").to_pylist() == ["c1", "c2"]
    assert store.read("completions", producer="other").column("id").to_pylist() == ["c2"]
    assert store.read("completions", producer="toy", version="e").num_rows == 0
    assert store.read("completions").schema == SCHEMAS["completions"]


def test_one_column_is_read_by_id_without_the_others(store: SegmentStore) -> None:
    store.commit(completions("a"), [replace(ONE, tokens_out=5), TWO])
    assert store.column("completions", "tokens_out", ["c2", "c9", "c1"]) == {"c1": 5, "c2": None}
    assert store.column("completions", "tokens_out", []) == {}


def test_connect_has_a_view_of_every_kind_with_its_columns(store: SegmentStore) -> None:
    records: dict[Kind, tuple[SegmentKey, Sequence[Record]]] = {
        "problems": (SegmentKey("problems", "t", "1", "a"), [Problem("2+2?", "4")]),
        "completions": (completions("a"), [ONE, TWO]),
        "verdicts": (SegmentKey("verdicts", "number", "1", "a"), [YES, NO]),
        "outcomes": (SegmentKey("outcomes", "run", "1", "a"), [AcceptedOutcome("c1", "p1", "correct", "number", "1")]),
        "scores": (SegmentKey("scores", "length", "1", "a"), [Score("c1", "p1", "length", "1", 3.0)]),
        "decisions": (
            SegmentKey("decisions", "run", "1", "a"),
            [Decision("run", "p1", "c1", "s", "1", True, "kept", "correct", "number", "1")],
        ),
        "plan": (SegmentKey("plan", "run", "1", "round-0"), [PlanRow("run", 0, 0, 0, "p1", "p", "c1", 0, 7)]),
        "stops": (SegmentKey("stops", "run", "1", "round-0"), [StopRow("run", 0, "p1", "target_met")]),
        "prompts": (SegmentKey("prompts", "run", "1", "round-0"), [SentPrompt("d", "[]")]),
        "judged": (
            SegmentKey("judged", "reward:a", "1", "a"),
            [JudgedRow("a", 3, "p1", "c1", "?", "4", "math", "4", 1.0, "correct", "r", "", "number", "1", 9.5)],
        ),
    }
    expected = {kind: len(records[kind][1]) for kind in KINDS}
    for filled in (False, True):
        if filled:
            store.commit_many(list(records.values()))
        with store.connect() as connection:
            for kind in KINDS:
                table = connection.sql(f"SELECT * FROM {kind}").to_arrow_table()
                assert table.schema.names == SCHEMAS[kind].names
                assert table.schema.types == SCHEMAS[kind].types
                assert table.num_rows == (expected[kind] if filled else 0)


def test_a_connection_keeps_what_it_saw_and_a_new_one_sees_more(store: SegmentStore) -> None:
    store.commit(completions("a"), [ONE])
    with store.connect() as connection:
        store.commit(completions("b"), [TWO])
        assert connection.execute("SELECT count(*) FROM completions").fetchall() == [(1,)]
    with store.connect() as connection:
        assert connection.execute("SELECT count(*) FROM completions").fetchall() == [(2,)]


def test_a_row_stored_twice_is_seen_once_and_the_first_stays(store: SegmentStore) -> None:
    store.commit(completions("a"), [ONE, TWO])
    store.commit(completions("b"), [replace(TWO, text="later"), THREE, replace(THREE, text="later still")])
    store.commit(completions("c"), [replace(THREE, text="last"), replace(ONE, id="c4")])
    texts = [("c1", "one"), ("c2", "two"), ("c3", "three"), ("c4", "one")]
    with store.connect() as connection:
        assert connection.execute("SELECT id, text FROM completions ORDER BY id").fetchall() == texts
    assert sorted(zip(*store.read("completions").select(["id", "text"]).to_pydict().values(), strict=True)) == texts
    assert [row.text for row in store.fetch("completions", ["c1", "c2", "c3", "c4"])] == [text for _, text in texts]


def test_a_repetition_inside_one_transaction_is_noticed(store: SegmentStore) -> None:
    store.commit_many([(completions("a"), [ONE]), (completions("b"), [replace(ONE, text="later"), TWO])])
    assert [row.text for row in store.fetch("completions", ["c1", "c2"])] == ["one", "two"]
    assert store.read("completions").num_rows == 2


def test_only_segments_that_repeat_a_row_are_marked(store: SegmentStore) -> None:
    store.commit(completions("a"), [ONE])
    store.commit(completions("b"), [TWO])
    store.commit(completions("c"), [ONE])
    assert [segment.overlaps for segment in store.registry.segments("completions")] == [False, False, True]


def test_what_another_process_committed_is_seen_and_its_rows_count_as_repeated(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as mine, Workspace.open(tmp_path) as theirs:
        mine.segments.commit(completions("a"), [ONE])
        theirs.segments.commit(completions("b"), [TWO])
        assert mine.segments.present("completions", ["c1", "c2"]) == {"c1", "c2"}
        mine.segments.commit(completions("c"), [replace(TWO, text="later"), THREE])
        assert [row.text for row in theirs.segments.fetch("completions", ["c1", "c2", "c3"])] == ["one", "two", "three"]


def test_threads_commit_and_read_at_once(store: SegmentStore) -> None:
    failed: list[BaseException] = []

    def commit(name: str) -> None:
        for index in range(4):
            store.commit(completions(f"{name}{index}"), [replace(ONE, id=f"{name}{index}")])

    def read() -> None:
        for _ in range(4):
            ids = [f"{name}{index}" for name in "ab" for index in range(4)]
            stored = store.present("completions", ids)
            assert stored <= {row.id for row in store.fetch("completions", ids)}
            with store.connect() as connection:
                connection.execute("SELECT sum(length(text)) FROM completions").fetchall()

    def guarded(work: object, *arguments: str) -> None:
        try:
            work(*arguments)  # type: ignore[operator]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(commit, name)) for name in "ab"]
    threads += [threading.Thread(target=guarded, args=(read,))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert store.read("completions").num_rows == 8


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_segments_may_live_behind_a_url(tmp_path: Path, scheme: str) -> None:
    url = f"{scheme}://{tmp_path}/remote"
    Workspace.init(tmp_path)
    with Workspace.open(tmp_path, segments_url=url) as workspace:
        store = workspace.segments
        store.commit(completions("a"), [ONE, TWO])
        lost = store.commit(completions("b"), [THREE])
        assert store.fetch("completions", ["c3", "c1"]) == [THREE, ONE]
        with store.connect() as connection:
            assert connection.execute("SELECT text FROM completions ORDER BY id").fetchall() == [
                ("one",),
                ("two",),
                ("three",),
            ]
        assert files(tmp_path / ".rollmill") == []
        store.place.remove("completions", lost.segment_id)
        assert workspace.recover() == [
            f"segment {url}/completions/{lost.segment_id[:2]}/{lost.segment_id}.parquet is missing: "
            "its 1 completions are no longer counted as stored"
        ]
        assert store.present("completions", ["c1", "c2", "c3"]) == {"c1", "c2"}
        assert compact(store, "completions").rows_after == 2
        assert store.read("completions").num_rows == 2


def test_any_text_of_a_model_can_be_stored(store: SegmentStore) -> None:
    odd = replace(ONE, text="a\ud800b\x00\U0001f600", meta={"k\udfff": ["\ud83d"]}, messages=(Message("user", "\udc00"),))
    store.commit(completions("a"), [odd, TWO])
    store.commit(SegmentKey("verdicts", "number", "1", "v"), [replace(YES, extracted="\ud800"), NO])
    [stored, other] = store.fetch("completions", ["c1", "c2"])
    assert stored == replace(
        ONE, text="a\ufffdb\x00\U0001f600", meta={"k\ufffd": ["\ufffd"]}, messages=(Message("user", "\ufffd"),)
    )
    assert other == TWO
    assert len(store.fetch_verdicts([("number", "1")], [("c1", "p1"), ("c2", "p1")])) == 2


def test_a_problem_with_half_a_character_is_refused_by_name(store: SegmentStore) -> None:
    broken = Problem("2 \ud800 2?", "4", external_id="row-7")
    with pytest.raises(SetupError, match=r"problem row-7 has half a character \(a lone surrogate\) in its prompt\."):
        store.commit(SegmentKey("problems", "import:x", "1", "a"), [broken])


def test_stops_of_before_they_had_evidence_are_read(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollmill.storage.segments import schema as schema_module
    from rollmill.storage.segments import segment_files as files_module
    from rollmill.storage.segments.schema import columns_name

    old = pa.schema([SCHEMAS["stops"].field(name) for name in ("run", "round", "problem_id", "reason")])
    with monkeypatch.context() as earlier:
        earlier.setitem(schema_module.SCHEMAS, "stops", old)
        earlier.setattr(files_module, "CURRENT", {"stops": columns_name(old)})
        store.commit(SegmentKey("stops", "run", "1", "round-0"), [StopRow("run", 0, "p1", "trial_cap")])
    evidence = '{"drawn":8}'
    store.commit(SegmentKey("stops", "run", "1", "round-1"), [StopRow("run", 1, "p2", "hopeless", evidence)])
    rows = store.read("stops").to_pylist()
    assert [(row["problem_id"], row["evidence"]) for row in rows] == [("p1", None), ("p2", evidence)]


def test_rows_of_an_older_schema_are_read_by_name(store: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits one segment as an earlier version would have: without the last columns."""
    import rollmill.storage.segments.segment_files as files_module
    import rollmill.storage.segments.writing as writing
    from rollmill.storage.segments.schema import columns_name, to_table

    old = pa.schema(list(SCHEMAS["completions"])[:15])
    with monkeypatch.context() as earlier:
        earlier.setattr(writing, "storable", lambda kind, records: to_table(kind, records).select(old.names))
        earlier.setattr(files_module, "CURRENT", {"completions": columns_name(old)})
        store.commit(completions("old"), [ONE])
    store.commit(completions("new"), [TWO])
    store.commit(completions("both"), [replace(ONE, text="later"), THREE])
    assert store.fetch("completions", ["c1", "c2", "c3"]) == [ONE, TWO, THREE]
    assert store.read("completions").schema == SCHEMAS["completions"]
    assert compact(store, "completions").rows_after == 3
    assert store.fetch("completions", ["c1", "c2", "c3"]) == [ONE, TWO, THREE]
