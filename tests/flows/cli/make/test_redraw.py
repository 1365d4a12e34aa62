"""Completions are drawn once and reused visibly; `--redraw` draws another set, and no number ever mixes the two."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Curated, Prepare, Run

pytestmark = pytest.mark.integration

Twice = tuple[Path, dict[str, Any], dict[str, Any]]


def outcome(rollmill: Run, *arguments: str) -> dict[str, Any]:
    result = rollmill("curate", *arguments, "--direct", "--json")
    assert result.status == 0, result.err
    outcome: dict[str, Any] = json.loads(result.out)
    return outcome


def shown(rollmill: Run, run: str) -> dict[str, int]:
    counts: dict[str, int] = json.loads(rollmill("runs", "show", run, "--json").out)["completions"]
    return counts


def by_stream(folder: Path) -> dict[str, set[str]]:
    with Workspace.open(folder) as ws:
        table = ws.segments.read("completions", columns=("stream", "id"))
    found: dict[str, set[str]] = {}
    for stream, cid in zip(table["stream"].to_pylist(), table["id"].to_pylist(), strict=True):
        assert cid not in found.setdefault(stream, set())
        found[stream].add(cid)
    return found


def of_version(folder: Path, number: int) -> dict[str, set[str]]:
    import duckdb

    [path] = (folder / "datasets" / "toy").glob(f"v{number}-*/dataset.duckdb")
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute("SELECT stream, id FROM rollouts").fetchall()
    return {stream: {cid for name, cid in rows if name == stream} for stream, _ in rows}


@pytest.fixture
def twice(toy: Path, prepare: Prepare) -> Twice:
    curate = ["curate", "toy.yaml", "--direct", "--json"]
    first, second = prepare(curate, [*curate, "--redraw", "1"])
    return toy, json.loads(first.out), json.loads(second.out)


def test_a_second_recipe_shows_what_it_reuses(
    toy: Path, rollmill: Run, curated: Curated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    first = curated()
    (toy / "other.yaml").write_text(RECIPE.replace("name: toy", "name: other").replace("target: 3", "target: 4"))
    result = rollmill("curate", "other.yaml", "--direct")
    assert result.status == 0, result.err
    calls = (toy / "calls").read_text().split()
    assert len(calls) == len(set(calls))
    drawn = len(calls) - first["funnel"]["drawn"]
    assert drawn > 0
    assert f"already stored, {first['funnel']['drawn']} of them drawn by other runs" in result.out
    run = json.loads(rollmill("runs", "list", "--json").out)[0]["run"]
    planned = first["funnel"]["drawn"] + drawn
    assert shown(rollmill, run) == {"planned": planned, "drawn": drawn, "reused": first["funnel"]["drawn"], "left": 0}
    words = f"{planned} completions planned so far: {drawn} drawn by this run, {planned - drawn} drawn by other runs, 0 to"
    assert words in rollmill("runs", "show", run).out
    assert shown(rollmill, first["run"])["reused"] == 0


def test_a_redraw_draws_all_anew_beside_the_first(twice: Twice, rollmill: Run) -> None:
    toy, first, second = twice
    assert (second["reused"], second["spent"]["drawn"]) == (0, second["funnel"]["drawn"])
    assert second["run"] != first["run"]
    assert (second["version"], second["created"]) == (2, True)
    stored = by_stream(toy)
    assert {stream: len(ids) for stream, ids in stored.items()} == {
        "curate": first["funnel"]["drawn"],
        "curate-1": second["funnel"]["drawn"],
    }
    assert stored["curate"].isdisjoint(stored["curate-1"])
    assert of_version(toy, 1) == {"curate": stored["curate"]}
    assert of_version(toy, 2) == {"curate-1": stored["curate-1"]}


def test_each_command_again_finds_its_own_stream(twice: Twice, rollmill: Run) -> None:
    _, first, second = twice
    again = outcome(rollmill, "toy.yaml")
    assert (again["content_hash"], again["spent"]["drawn"]) == (first["content_hash"], 0)
    again = outcome(rollmill, "toy.yaml", "--set", "generate.redraw=1")
    assert (again["content_hash"], again["spent"]["drawn"]) == (second["content_hash"], 0)


def test_metrics_are_those_of_a_workspace_that_holds_one_stream(
    twice: Twice, rollmill: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    toy, _, second = twice
    alone = tmp_path / "alone"
    Workspace.init(alone).close()
    for name in ("toys.py", "toy.yaml"):
        (alone / name).write_text((toy / name).read_text())
    monkeypatch.chdir(alone)
    only = outcome(rollmill, "toy.yaml", "--redraw", "1")
    assert (only["metrics"], only["funnel"], only["content_hash"]) == (
        second["metrics"],
        second["funnel"],
        second["content_hash"],
    )


def test_a_redraw_of_nothing_is_refused(toy: Path, rollmill: Run) -> None:
    (toy / "bulk.yaml").write_text(
        "recipe_schema: 1\nname: bulk\nproblems: {imported: bulk}\ngenerate: {engine: imported, redraw: 1}\n"
    )
    result = rollmill("curate", "bulk.yaml", "--direct")
    assert (result.status, "engine imported draws nothing, so there is nothing to redraw" in result.err) == (2, True)
    assert rollmill("curate", "toy.yaml", "--redraw", "-1").status == 2
