"""The content hash: one value per content, blind to order, run, time and host, and fixed for all time by a literal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Problem, Score
from rollmill.storage.segments.schema import SCHEMAS, to_table
from rollmill.storage.versions.content import hashing
from rollmill.storage.versions.content.catalogue import KEYS, TABLES
from rollmill.storage.versions.content.hashing import CONTENT_COLUMNS, content_hash, kept_hash, scores_hash
from rollmill.storage.versions.content.snapshot import Snapshot, sorted_by_key

Build = Callable[..., Snapshot]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def altered(snapshot: Snapshot, kind: Any, row: int, **changes: Any) -> Snapshot:
    table = snapshot.table(kind)
    rows = table.to_pylist()
    rows[row] |= changes
    return replace(snapshot, **{kind: pa.Table.from_pylist(rows, schema=table.schema)})


def test_the_hashes_of_a_known_dataset_never_change(snapshot: Build) -> None:
    toy = snapshot()
    assert content_hash(toy) == "ab183de1d735992806f12f79908d45d562da815e6adc6284cfa2298cba9492f0"
    assert kept_hash(toy) == "ba60b9e754414f7dcc585c78a591732e4a8833f4f6075703b9a123b4cf02dab5"
    assert scores_hash(toy) == "8320202f6e50a76434a12a65d42ebe55b04f3bfc6b369e9f61252334653b1834"


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_the_parts_in_which_rows_are_read_change_no_hash(
    snapshot: Build, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    toy = snapshot()
    whole = content_hash(toy), kept_hash(toy)
    in_order = sorted_by_key("completions", toy.completions)
    backwards = in_order.take(np.arange(in_order.num_rows)[::-1])
    monkeypatch.setattr(hashing, "_CHUNK", rows)
    for completions in (in_order, backwards):
        same = replace(toy, completions=completions)
        assert (content_hash(same), kept_hash(same)) == whole


def test_a_row_is_hashed_as_canonical_json() -> None:
    import hashlib

    problem = Problem("Née\n\u2028 'x' \"y\"", "4", level=2)
    empty = {kind: SCHEMAS[kind].empty_table() for kind in TABLES if kind != "problems"}
    row = to_table("problems", [problem]).to_pylist()[0]
    line = canonical_json(["problems", *(row[name] for name in CONTENT_COLUMNS["problems"])]) + "\n"
    expected = hashlib.sha256(line.encode("utf-8")).hexdigest()
    assert content_hash(Snapshot("x", problems=to_table("problems", [problem]), **empty)) == expected


@settings(deadline=None)  # a busy machine
@given(st.integers(0, 2**32 - 1), st.integers(1, 7))
def test_row_order_and_chunks_do_not_matter(snapshot: Build, seed: int, chunk: int) -> None:
    toy, rng = snapshot(), np.random.default_rng(seed)
    shuffled = {}
    for kind, table in toy.written():
        rows = table.take(pa.array(rng.permutation(table.num_rows)))
        shuffled[kind] = pa.concat_tables([rows.slice(start, chunk) for start in range(0, rows.num_rows, chunk)])
    other = replace(toy, **shuffled)
    assert content_hash(other) == content_hash(toy)
    assert kept_hash(other) == kept_hash(toy)
    assert scores_hash(other) == scores_hash(toy)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("completions", {"seconds": 99.0}),
        ("completions", {"model": "/somewhere/else/models/tiny"}),
        ("completions", {"cost": 0.5, "logprob_sum": -3.5, "self_certainty": 0.25}),
        ("completions", {"meta": '{"host":"a"}'}),
        ("verdicts", {"seconds": 5.0, "cause": "retried"}),
        ("decisions", {"run": "another-run"}),
        ("scores", {"value": 1e9}),
    ],
)
def test_runs_times_hosts_paths_and_floats_do_not_matter(snapshot: Build, kind: str, changes: dict[str, Any]) -> None:
    toy = snapshot()
    assert content_hash(altered(toy, kind, 0, **changes)) == content_hash(toy)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("problems", {"licence": "MIT"}),
        ("problems", {"level": 2}),
        ("completions", {"text": "other"}),
        ("completions", {"finish_reason": "length"}),
        ("completions", {"tokens_out": 11}),
        ("completions", {"reasoning": ""}),
        ("verdicts", {"version": "2"}),
        ("verdicts", {"outcome": "incorrect"}),
        ("verdicts", {"rule": "boxed"}),
        ("verdicts", {"extracted": None}),
        ("decisions", {"kept": False}),
        ("decisions", {"reason": "best"}),
    ],
)
def test_every_named_column_matters(snapshot: Build, kind: str, changes: dict[str, Any]) -> None:
    toy = snapshot()
    assert content_hash(altered(toy, kind, 0, **changes)) != content_hash(toy)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), min_size=2, max_size=4, unique=True)
)
def test_no_two_sets_of_texts_share_a_hash(texts: list[str]) -> None:
    def hashed(chosen: list[str]) -> str:
        rows = [Completion(str(i), "p", "e", "m", "d", "curate", i, 0, text, "stop") for i, text in enumerate(chosen)]
        return content_hash(Snapshot("x", SCHEMAS["problems"].empty_table(), to_table("completions", rows)))

    assert len({hashed(texts), hashed(texts[::-1]), hashed(texts[:-1]), hashed(["".join(texts)])}) == 4


def test_the_kept_hash_ignores_why_and_sees_what(snapshot: Build) -> None:
    toy = snapshot()
    assert kept_hash(altered(toy, "decisions", 0, reason="another", version="2")) == kept_hash(toy)
    assert kept_hash(altered(toy, "verdicts", 0, version="2")) == kept_hash(toy)
    assert kept_hash(altered(toy, "completions", 1, text="a dropped one")) == kept_hash(toy)
    assert kept_hash(altered(toy, "completions", 0, text="a kept one")) != kept_hash(toy)
    assert kept_hash(snapshot(kept=(True, False, True, False, True, False))) != kept_hash(toy)


def test_scores_of_lines_count_to_twelve_digits_and_only_where_there_are_some(snapshot: Build) -> None:
    def hash_of(*steps: float) -> str:
        score = Score("c", "p", "prm", "1", 0.5, steps or None)
        return scores_hash(replace(snapshot(), scores=to_table("scores", [score])))

    assert hash_of(0.25, 0.5) == hash_of(0.25 + 1e-15, 0.5)
    assert len({hash_of(), hash_of(0.25), hash_of(0.5), hash_of(0.25, 0.5)}) == 4


def test_scores_are_equal_to_twelve_digits(snapshot: Build) -> None:
    def hashed(value: float) -> str:
        return scores_hash(replace(snapshot(), scores=to_table("scores", [Score("c", "p", "length", "1", value)])))

    assert hashed(0.1 + 0.2) == hashed(0.3)
    assert hashed(0.3001) != hashed(0.3)
    assert hashed(float("nan")) == hashed(float("nan"))


def test_every_key_is_hashed() -> None:
    for kind, columns in CONTENT_COLUMNS.items():
        assert set(KEYS[kind]) <= set(columns)
        assert set(columns) <= set(SCHEMAS[kind].names)
