"""No version and no export holds a key of a model server, wherever a server, a file or a problem brought it in."""

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest

from rollmill.ground.errors import FoundWanting
from rollmill.storage.versions.content.catalogue import TABLES
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.leaks import refuse_in_snapshot, refuse_in_version
from rollmill.storage.versions.publish import publish
from rollmill.storage.versions.read import load_snapshot
from rollmill.storage.versions.resolve import versions
from rollmill.storage.workspace import Workspace
from tests.storage.versions.conftest import RECIPE, build
from tests.storage.versions.older import LAYOUTS, Layout, put_as

KEY = "sk-live-0123456789"
KEYS = {"OTHER": "another-key", "MY_KEY": KEY}


def put(ws: Workspace, snapshot: Snapshot, html: str = "<p>", keys: dict[str, str] = KEYS) -> str:
    return publish(ws, snapshot, report_html=html, report_json={}, keys=keys).version.ref


def with_key(kind: str, column: str, row: int) -> Snapshot:
    """The key within one text of one row, in the table's second chunk."""
    snapshot = build()
    table = snapshot.table(kind)  # type: ignore[arg-type]
    values = table[column].to_pylist()
    values[row] = f"{values[row]} {KEY}."
    at = table.schema.get_field_index(column)
    changed = table.set_column(at, table.schema.field(at), pa.array(values, pa.string()))
    return replace(snapshot, **{kind: pa.concat_tables([changed.slice(0, 1), changed.slice(1)])})


PLACES = [  # ids are made of hashes
    (kind, field.name)
    for kind in TABLES
    for field in build().table(kind).schema
    if build().table(kind).num_rows and field.type == pa.string() and not field.name.endswith("id")
]


@pytest.mark.parametrize(("kind", "column"), PLACES)
def test_a_key_in_any_text_of_any_table_is_refused(kind: str, column: str) -> None:
    refuse_in_snapshot(build(), {}, KEYS)
    with pytest.raises(FoundWanting) as caught:
        refuse_in_snapshot(with_key(kind, column, 1), {}, KEYS)
    table = {"completions": "rollouts"}.get(kind, kind)
    assert caught.value.message.startswith(f"toy is not published: the key in MY_KEY stands in {table}.{column}, first of ")
    assert KEY not in str(caught.value)
    assert caught.value.next_command == "revoke that key, put a new one into MY_KEY, then the same command"


def test_nothing_of_a_refused_version_lies_anywhere_and_a_new_key_lets_it_pass(ws: Workspace) -> None:
    leaking = with_key("completions", "text", 3)
    with pytest.raises(FoundWanting, match=r"the key in MY_KEY stands in rollouts.text, first of 0{31}3\."):
        put(ws, leaking)
    assert [path for path in (*ws.datasets.rglob("*"), *ws.state.rglob("publishing/*")) if path.is_file()] == []
    assert put(ws, leaking, keys={"MY_KEY": "sk-live-9876543210"}) == "toy@v1"


@pytest.mark.parametrize(
    ("change", "html", "where"),
    [
        (lambda made: made, f"<p>{KEY}", "report.html"),
        (lambda made: replace(made, manifest={**made.manifest, "funnel": {KEY: 1}}), "<p>", "manifest.json"),
        (lambda made: replace(made, manifest={**made.manifest, "recipe": {**RECIPE, "note": KEY}}), "", "manifest.json"),
    ],
)
def test_manifests_cards_and_reports_too(
    ws: Workspace, change: Callable[[Snapshot], Snapshot], html: str, where: str
) -> None:
    with pytest.raises(FoundWanting, match=rf"the key in MY_KEY stands in {where}|README.md"):
        put(ws, change(build()), html)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_version_of_before_is_not_exported_with_a_key(ws: Workspace, layout: Layout) -> None:
    put_as(layout, ws, with_key("completions", "text", 3))
    (info,) = versions(ws.datasets, "toy")
    refuse_in_version(info, {})
    refuse_in_version(info, {"OTHER": "another-key"})
    with pytest.raises(
        FoundWanting, match=r"toy@v1 is not exported: the key in MY_KEY stands in rollouts.text, first of 0"
    ):
        refuse_in_version(info, KEYS)
    assert load_snapshot(info).completions.num_rows == 6


def test_what_people_write_for_no_key_is_a_word_like_others(ws: Workspace) -> None:
    assert put(ws, build(), keys={"MY_KEY": "answer", "OTHER": "EMPTY"}) == "toy@v1"
