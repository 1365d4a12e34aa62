"""A prompt in a version: plain text for whoever opens it with DuckDB alone, and exactly what it was for every reader."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from rollmill.flows.problem_sets import version_problems
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Decision, Message, Problem, prompt_json
from rollmill.storage.exports import export
from rollmill.storage.queries import open_workspace
from rollmill.storage.queries.browse.explore_index import ids_with_text
from rollmill.storage.queries.browse.problems import whole_problems
from rollmill.storage.queries.browse.why import why
from rollmill.storage.queries.histories.dataset_history import changed_rows, pair_of
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import dataset_scope
from rollmill.storage.segments.schema import from_table, to_table
from rollmill.storage.versions.content.hashing import content_hash
from rollmill.storage.versions.content.shard_listing import read_listing
from rollmill.storage.versions.content.shards import write_shards
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.diff import diff
from rollmill.storage.versions.read import load_snapshot, open_version
from rollmill.storage.versions.resolve import VersionInfo
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import counted, forget_digests
from tests.storage.versions.older import LAYOUTS, flat_shard, put_as

pytestmark = pytest.mark.integration

TEXTS = [
    "What is 2 + 2?",
    '"hello"',
    "42",
    "null",
    "",
    '[{"role": "user", "content": "hi"}]',
    '[{"content":"hi","kind":"text","name":null,"role":"user"}]',  # as the last of PROBLEMS is store,
    'say "hi" \\ now',
    "two\nlines\tand \x00 \x01 \x1f \x7f \u2028 é 😀",
]
TURNS = (Message("system", 'Be "short".'), Message("user", "hi"))
PROBLEMS = [*(Problem(text, "4") for text in TEXTS), Problem(TURNS, "4"), Problem((Message("user", "hi"),), "4")]
OF_TEXTS = "01b9ad96"


def build(problems: Sequence[Problem] = tuple(PROBLEMS), kept: bool = True) -> Snapshot:
    """One completion of each problem."""
    made = [
        Completion(f"{i:032x}", problem.prompt_id, "e", "m", "d", "curate", 0, i, f"Answer {i}", "stop")
        for i, problem in enumerate(problems)
    ]
    pairs = list(zip(problems, made, strict=True))
    rows = [Decision("r", p.id, c.id, "all", "1", kept, "all", "correct", "number", "1") for p, c in pairs]
    manifest: dict[str, Any] = {
        "recipe": {"name": "toy"},
        "recipe_hash": "r" * 8,
        "run": "toy-1",
        "verifiers": [],
        "fingerprint": {},
        "funnel": {},
        "metrics": {},
    }
    tables = (to_table("problems", problems), to_table("completions", made))
    return counted(Snapshot("toy", *tables, decisions=to_table("decisions", rows), manifest=manifest))


Put = Callable[[Snapshot], VersionInfo]


@pytest.fixture(params=list(LAYOUTS.values()), ids=list(LAYOUTS))
def put(request: pytest.FixtureRequest, ws: Workspace) -> Put:
    return lambda snapshot: put_as(request.param, ws, snapshot)


def as_published_before(info: VersionInfo) -> None:
    """Make a version one of those whose problems held JSON of every prompt."""
    rows = load_snapshot(info).problems
    if (listing := read_listing(info.path)) is not None:
        (info.path / "shards" / listing["problems"][0]["file"]).unlink()
        listing["problems"][0]["file"] = flat_shard(info.path, rows)
        (info.path / "shards.json").write_text(json.dumps(listing))
    else:
        with duckdb.connect(str(info.path / "dataset.duckdb")) as connection:
            connection.register("rows", rows)
            connection.execute("drop view kept; drop view joined; create or replace table problems as select * from rows")
            # The text of that time.
            connection.execute(
                """create view joined as
select d.problem_id, d.completion_id, d.kept, d.reason, d.outcome,
       case when p.prompt like '"%' then p.prompt ->> '$' else p.prompt end as prompt,
       p.reference, r.text, r.reasoning, r.messages, p.level, p.skill, p.template, p.source, p.licence, p.split,
       r.engine, r.model, r.model_digest, r.sample_index, r.seed, r.finish_reason, r.tokens_in, r.tokens_out,
       d.selector, d.version as selector_version, d.verifier, d.verifier_version
from decisions d join problems p on p.id = d.problem_id join rollouts r on r.id = d.completion_id"""
            )
    forget_digests(info)


@pytest.fixture(params=["today", "before"])
def version(request: pytest.FixtureRequest, put: Put) -> VersionInfo:
    info = put(build())
    if request.param == "before":
        as_published_before(info)
    return info


def test_whoever_opens_a_version_with_duckdb_sees_texts_as_texts(put: Put) -> None:
    info = put(build())
    queries = [
        "select id, prompt, prompt_is_messages from problems",
        "select problem_id, prompt, prompt_is_messages from kept",
    ]
    known = {p.id: p.prompt if isinstance(p.prompt, str) else canonical_json(prompt_json(p.prompt)) for p in PROBLEMS}
    if (info.path / "dataset.duckdb").exists():
        with duckdb.connect(str(info.path / "dataset.duckdb"), read_only=True) as connection:
            for query in queries:
                rows = connection.execute(query).fetchall()
                assert {key: prompt for key, prompt, _ in rows} == known
                assert {key for key, _, messages in rows if messages} == {p.id for p in PROBLEMS if p.prompt not in TEXTS}
    if (info.path / "shards.json").exists():
        shards = json.loads((info.path / "shards.json").read_text())["problems"]
        plain = pq.read_table([info.path / "shards" / shard["file"] for shard in shards])
        assert dict(zip(plain["id"].to_pylist(), plain["prompt"].to_pylist(), strict=True)) == known


def test_the_content_hash_is_over_the_json_that_it_always_was_over(put: Put) -> None:
    info = put(build())
    assert info.content_hash[:8] == OF_TEXTS
    assert content_hash(load_snapshot(info)) == info.content_hash == content_hash(build())


def test_every_reader_gets_each_prompt_as_it_was(ws: Workspace, version: VersionInfo, tmp_path: Path) -> None:
    known = {problem.id: problem.prompt for problem in PROBLEMS}
    stored = load_snapshot(version)
    assert content_hash(stored) == version.content_hash
    assert {problem.id: problem.prompt for problem in from_table("problems", stored.problems)} == known
    assert stored.problems.to_pylist() == build().problems.sort_by("id").to_pylist()
    assert {problem.id: problem.prompt for problem in version_problems(ws, "toy")} == known
    scope = dataset_scope(Reader(ws), "toy")
    assert {key: problem.prompt for key, problem in whole_problems(scope, list(known)).items()} == known
    quoted = [problem.id for problem in PROBLEMS if '"hi"' in str(prompt_json(problem.prompt))]
    assert set(ids_with_text(scope, '"hi" \\ NOW')) < set(quoted)
    assert len(ids_with_text(scope, '"hi" \\ NOW')) == 1
    written = export(version, "prompts", tmp_path / "rows.jsonl")
    turns = {row["id"]: row["prompt"] for row in map(json.loads, written.path.read_text().split("\n")[:-1])}
    assert turns == {
        key: [{"role": "user", "content": prompt}]
        if isinstance(prompt, str)
        else [{"role": turn.role, "content": turn.content} for turn in prompt]
        for key, prompt in known.items()
    }


@pytest.mark.integration
def test_a_row_is_looked_up_with_its_prompt_as_a_version_shows_it(version: VersionInfo) -> None:
    for problem in PROBLEMS:
        [row] = why(version, problem.id).problems
        text = problem.prompt if isinstance(problem.prompt, str) else canonical_json(prompt_json(problem.prompt))
        assert (row["prompt"], row["prompt_is_messages"]) == (text, not isinstance(problem.prompt, str))


@pytest.mark.integration
def test_a_version_follows_one_that_was_published_before(ws: Workspace, put: Put, version: VersionInfo) -> None:
    other = put(build(kept=False))
    assert diff(version, other).problems.added == diff(version, other).problems.removed == 0
    reader = Reader(ws)
    rows = changed_rows(pair_of(reader, version.ref, other.ref), "kept: all", "all", 0, 50)
    prompts = {row.row.problem_id: row.prompt for row in rows}
    assert {problem.id: prompts[problem.id] for problem in PROBLEMS[: len(TEXTS)]} == {
        problem.id: problem.prompt for problem in PROBLEMS[: len(TEXTS)]
    }
    with open_version(other) as connection:
        assert connection.execute("select count(*) from problems where prompt_is_messages").fetchall() == [(2,)]


def test_shards_with_json_prompts_are_not_taken_over(tmp_path: Path) -> None:
    """A version whose shards differ in what a prompt looks like would show both."""
    problems = [Problem(f"{i} " + "x" * 200, "4") for i in range(100)]
    snapshot = build(problems)
    folders = [tmp_path / name for name in ("a", "b", "c", "d")]
    for folder, parent in zip(folders[:2], [None, folders[0]], strict=True):
        folder.mkdir()
        write_shards(folder, snapshot, parent, 8_000)
    names = [[shard["file"] for shard in read_listing(folder)["problems"]] for folder in folders[:2]]  # type: ignore[index]
    assert names[0] == names[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "rollmill.storage.versions.content.shards.shown", lambda _, rows: rows
        )  # as shards were written before
        folders[2].mkdir()
        write_shards(folders[2], snapshot, None, 8_000)
    folders[3].mkdir()
    write_shards(folders[3], snapshot, folders[2], 8_000)
    listings = [read_listing(folder) for folder in folders]
    assert listings[3]["problems"] == listings[0]["problems"] != listings[2]["problems"]  # type: ignore[index]


def test_a_notebook_shows_the_problems_of_a_workspace_like_those_of_a_version(ws: Workspace, put: Put) -> None:
    from rollmill.storage.segments.keys import SegmentKey

    ws.segments.commit(SegmentKey("problems", "toy", "1", "c"), PROBLEMS)
    put(build())
    known = {
        problem.id: (
            problem.prompt if isinstance(problem.prompt, str) else canonical_json(prompt_json(problem.prompt)),
            not isinstance(problem.prompt, str),
        )
        for problem in PROBLEMS
    }
    with open_workspace(ws.root) as view:
        own = view.problems().select("id", "prompt", "prompt_is_messages").fetchall()
        of_version = view.rollouts(dataset="toy").select("problem_id", "prompt", "prompt_is_messages").fetchall()
    assert {key: tuple(rest) for key, *rest in own} == known
    assert {key: tuple(rest) for key, *rest in of_version} == known
