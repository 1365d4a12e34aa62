"""A search from its recipe to a published version, and that the size of its batches changes no hash of it."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.flows.conftest import ROOT, Run
from tests.pipelines.search.rating import ChanceServer

pytestmark = pytest.mark.integration

RATED = {"method": "reward_model", "options": {"model": "toy"}}
SMALL = ("--set", "problems.count=6", "--direct", "--json")


@pytest.fixture
def searched(tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> Any:
    def run(name: str, *sets: str, files: Mapping[str, str] | None = None) -> dict[str, Any]:
        (tmp_path / name).mkdir()
        for file, text in (files or {}).items():
            (tmp_path / name / file).write_text(text)
        monkeypatch.chdir(tmp_path / name)
        assert rollmill("init", "--bare").status == 0
        shutil.copy(ROOT / "recipes" / "searched.yaml", ".")
        result = rollmill("curate", "searched.yaml", *sets, *SMALL)
        assert result.status == 0, result.err
        outcome: dict[str, Any] = json.loads(result.out)
        return outcome

    return run


def _check_exports(rollmill: Run, folder: Path, database: Path) -> None:
    """The tree has every piece, and the values of pieces are what counting the answers below by hand gives."""
    for fmt, more in (("tree", ()), ("piece_pairs", ("--set", "gap=0.2"))):
        result = rollmill("dataset", "export", "searched", "--format", fmt, "--out", f"{fmt}.jsonl", *more)
        assert result.status == 0, result.err
    tree = {row["id"]: row for row in map(json.loads, (folder / "tree.jsonl").read_text().splitlines())}
    with duckdb.connect(database, read_only=True) as connection:
        pieces = connection.execute("SELECT completion_id, after FROM threads WHERE step IN ('piece', 'next')").fetchall()
        texts = dict(connection.execute("SELECT id, text FROM rollouts").fetchall())
        query = "SELECT t.after, d.outcome FROM threads t JOIN decisions d USING (completion_id) WHERE t.step = 'answer'"
        ends = connection.execute(query).fetchall()
    assert {(cid, row["parent"] or "") for cid, row in tree.items()} == set(pieces)
    below: dict[str, list[bool]] = {}
    for finished, outcome in ends:
        place = finished
        while place:
            below.setdefault(place, []).append(outcome == "correct")
            place = tree[place]["parent"]
    for cid, row in tree.items():
        assert row["given"] + row["piece"] == texts[cid]
        assert (row["answers"], row["correct"]) == (len(below.get(cid, [])), sum(below.get(cid, [])))
    pairs = [json.loads(line) for line in (folder / "piece_pairs.jsonl").read_text().splitlines()]
    assert pairs
    for pair in pairs:
        assert pair["chosen"] != pair["rejected"]
        assert pair["chosen_value"] - pair["rejected_value"] >= 0.2
        for side in ("chosen", "rejected"):
            mine = [
                right
                for cid, row in tree.items()
                if (row["problem_id"], row["given"], row["piece"]) == (pair["problem_id"], pair["prefix"], pair[side])
                for right in below.get(cid, [])
            ]
            assert pair[f"{side}_value"] == sum(mine) / len(mine)
            assert pair[f"{side}_answers"] == len(mine)


def test_a_search_is_published_and_no_batch_size_changes_its_content(searched: Any, rollmill: Run) -> None:
    first = searched("one")
    assert rollmill("dataset", "verify", "searched", "--all").status == 0
    folder = Path(first["path"])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["funnel"]["stops"] == {"searched": 6}
    with duckdb.connect(folder / "dataset.duckdb", read_only=True) as connection:
        roles = dict(connection.execute("SELECT step, count(*) FROM threads GROUP BY ALL").fetchall())
        kept = connection.execute("SELECT count(*) FROM kept").fetchall()
        judged = connection.execute("SELECT DISTINCT step FROM decisions").fetchall()
    assert set(roles) == {"piece", "next", "answer"}
    assert roles["piece"] == 48
    assert judged == [("answer",)]
    assert kept[0][0] > 0
    _check_exports(rollmill, Path.cwd(), folder / "dataset.duckdb")
    result = rollmill("score", "--with", "length", "--json")
    assert result.status == 0, result.err
    assert json.loads(result.out)["scored"][0]["made"] == 48  # a search's finished answers
    second = searched("two", "--set", "generate.batch_size=7")
    other = json.loads((Path(second["path"]) / "manifest.json").read_text())
    assert other["hashes"] == manifest["hashes"]
    again = json.loads(rollmill("curate", "searched.yaml", "--set", "generate.batch_size=7", *SMALL).out)
    assert again["spent"]["drawn"] == 0
    result = rollmill("curate", "searched.yaml", "--set", "generate.batch_size=7", *SMALL[:-1])
    assert "followed from what earlier draws gave: verdicts, or the scores of a search." in result.out


def test_a_rating_server_of_the_profile_guides_a_search_and_is_paid_by_the_run(searched: Any, rollmill: Run) -> None:
    with ChanceServer() as server:
        sets = ("--set", f"budget.options.process={json.dumps(RATED)}", "--profile", "rating.yaml")
        profile = f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n"
        first = searched("one", *sets, files={"rating.yaml": profile})
        pairs = {(body["text_1"], body["text_2"]) for body in server.bodies}
        assert len(server.bodies) == len(pairs) > 50
        spent = json.loads(rollmill("runs", "cost", first["run"], "--json").out)
        assert spent["scoring"]["completions"] == len(pairs)
        again = json.loads(rollmill("curate", "searched.yaml", *sets, *SMALL).out)
        assert (again["run"], again["spent"]["drawn"]) == (first["run"], 0)
        assert len(server.bodies) == len(pairs)
        stopped = rollmill("curate", "searched.yaml", *sets, "--set", "seed=5", *SMALL, "--max-tokens", "400")
        assert (stopped.status, "token limit" in stopped.err + stopped.out) == (1, True)
    without = rollmill("curate", "searched.yaml", *sets[:2], *SMALL, "--set", "seed=9")
    assert without.status != 0
    assert "Traceback" not in without.err
