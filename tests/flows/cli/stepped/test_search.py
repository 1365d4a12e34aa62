"""A search from its recipe to a published version, and that the size of its batches changes no hash of it."""

import json
import math
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rollmill.storage.exports.searches.rewrite_pairs import edit_share
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
    for fmt, more in (("tree", ()), ("piece_labels", ()), ("piece_pairs", ("--set", "gap=0.2"))):
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
        assert row["visits"] == 1 + sum(other["visits"] for other in tree.values() if other["parent"] == cid)
        assert row["q"] == (None if row["value"] is None else 2 * row["value"] - 1)
        assert 0 < row["prior"] <= 1
    with duckdb.connect(database, read_only=True) as connection:
        drawn = connection.execute("SELECT id, logprob_sum / tokens_out FROM rollouts WHERE tokens_out > 0").fetchall()
    assert all(abs(tree[cid]["prior"] - math.exp(mean)) < 1e-9 for cid, mean in drawn if cid in tree and mean is not None)
    labels = [json.loads(line) for line in (folder / "piece_labels.jsonl").read_text().splitlines()]
    assert labels
    for label in labels:
        alike = [row for row in tree.values() if (row["given"], row["piece"]) == (label["prefix"], label["line"])]
        mine = [row for row in alike if row["problem_id"] == label["problem_id"]]
        assert label["n"] == sum(row["answers"] for row in mine) >= 1
        assert label["label"] == sum(row["correct"] for row in mine) / label["n"]
    _check_pairs(folder, tree, below)


def _check_pairs(folder: Path, tree: dict[str, dict[str, Any]], below: dict[str, list[bool]]) -> None:
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
            assert pair[f"{side}_visits"] == sum(
                row["visits"]
                for row in tree.values()
                if (row["problem_id"], row["given"], row["piece"]) == (pair["problem_id"], pair["prefix"], pair[side])
            )
        visits = pair["chosen_visits"], pair["rejected_visits"]
        smoothing = min(1 - 1 / (1 + visits[1] / max(1, visits[0])), 0.5)
        assert abs(pair["weight"] - (1 - smoothing)) < 1e-12


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
    assert "the choice of draws depended on earlier results: verdicts, or the scores of a search." in result.out


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


def test_a_search_by_verdicts_is_left_out_of_training_files_unless_it_is_wanted(searched: Any, rollmill: Run) -> None:
    options = json.dumps({"method": "outcome", "options": {"estimate": "lines"}})
    policy = json.dumps({"method": "tree_sampling", "options": {"rollouts": 16}})
    sets = ("--set", f"budget.options.process={options}", "--set", f"budget.options.policy={policy}")
    searched("one", *sets)
    assert rollmill("dataset", "verify", "searched", "--all").status == 0
    taken = "rollmill dataset export searched@v1 --format sft --set sees_label=true --out searched.jsonl"
    assert taken in rollmill("dataset", "show", "searched").out
    assert taken.replace("@v1", "") in rollmill("curate", "searched.yaml", *sets, *SMALL[:-1]).out
    for fmt, more in (("sft", ()), ("piece_pairs", ("--set", "gap=0.2"))):
        result = rollmill("dataset", "export", "searched", "--format", fmt, "--out", "none.jsonl", *more)
        assert not Path("none.jsonl").exists() or Path("none.jsonl").read_text() == ""
        assert "saw a label" in result.err
        assert result.err.rstrip().endswith("Next: the same command with --set sees_label=true")
        result = rollmill(
            "dataset", "export", "searched", "--format", fmt, "--out", "all.jsonl", *more, "--set", "sees_label=true"
        )
        assert result.status == 0, result.err
        rows = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
        assert rows
        assert all(row["sees_label"] for row in rows)


def test_a_search_elects_an_answer_of_each_problem(searched: Any, rollmill: Run) -> None:
    """Votes of 1 elect the most frequent answer, recounted here from the version's own rows."""
    policy = json.dumps({"method": "best_of_n", "options": {"n": 8, "by": "vote"}})
    first = searched("one", "--set", f"budget.options.policy={policy}")
    result = rollmill("runs", "elected", "--json")
    assert result.status == 0, result.err
    shown = json.loads(result.out)
    with duckdb.connect(Path(first["path"]) / "dataset.duckdb", read_only=True) as connection:
        rows = connection.execute("SELECT problem_id, outcome FROM decisions").fetchall()
    assert (shown["run"], shown["left_out"], shown["rates"]["elected"]["n"]) == (first["run"], 0, 6)
    assert shown["gain"]["value"] == 0
    assert shown["rates"]["elected"]["value"] == sum(one["right"] for one in shown["answers"]) / 6
    assert {one["problem_id"]: one["answers"] for one in shown["answers"]} == Counter(problem for problem, _ in rows)
    for one in shown["answers"]:
        outcomes = [outcome == "correct" for problem, outcome in rows if problem == one["problem_id"]]
        assert one["single"] == sum(outcomes) / len(outcomes)
        assert one["right"] or sum(outcomes) <= len(outcomes) / 2
        assert one["found"] is any(outcomes)
    found = [one for one in shown["answers"] if one["found"]]
    assert shown["rates"]["found"]["value"] == len(found) / 6
    assert shown["missed"] == sum(not one["right"] for one in found)
    page = rollmill("runs", "elected", "--answers")
    assert "elected less majority, paired: +0.000" in page.out
    missed = (
        f"{shown['missed']} problems have a right answer that was not elected; the search found none in {6 - len(found)}."
    )
    assert missed in page.out
    assert shown["answers"][0]["problem_id"] in page.out


def test_an_election_is_refused_where_there_is_none(searched: Any, rollmill: Run) -> None:
    policy = json.dumps({"method": "tree_sampling", "options": {"rollouts": 4}})
    searched("one", "--set", "budget.options.process=outcome", "--set", f"budget.options.policy={policy}")
    refused = rollmill("runs", "elected")
    assert refused.status == 2
    assert "reads verdicts, so the votes of its search elect no answer" in refused.err
    assert rollmill("curate", "searched.yaml", "--set", "budget={method: fixed, options: {initial: 1}}", *SMALL).status == 0
    refused = rollmill("runs", "elected")
    assert "elects no answer: its budget is 'fixed', not 'search'." in refused.err


def test_rewritten_answers_are_paired_with_the_first_ones_by_edits_and_verdicts(searched: Any, rollmill: Run) -> None:
    policy = json.dumps({"method": "refinement", "options": {"n": 2, "branch": 2, "depth": 1}})
    process = json.dumps({"method": "critiques", "options": {"count": 1, "pattern": r"(\d)\D*$", "yes": "1"}})
    sets = ("budget.options.policy=" + policy, "budget.options.process=" + process, "gate.max_undecided=1")
    first = searched("one", *(word for one in (*sets, "gate.min_kept=0") for word in ("--set", one)))
    with duckdb.connect(Path(first["path"]) / "dataset.duckdb", read_only=True) as connection:
        texts = dict(connection.execute("SELECT id, text FROM rollouts").fetchall())
        steps = dict(connection.execute("SELECT completion_id, step FROM threads").fetchall())
    counts = {}
    for name, options in (("all", ("flip=false",)), ("near", ("flip=false", "most_edits=0.8")), ("flips", ())):
        words = [word for option in options for word in ("--set", option)]
        result = rollmill("dataset", "export", "searched", "--format", "rewrite_pairs", "--out", f"{name}.jsonl", *words)
        rows = [json.loads(line) for line in Path(f"{name}.jsonl").read_text().splitlines()] if result.status == 0 else []
        counts[name] = len(rows)
        left_out = {"near": "too many edits", "flips": "not better than that of their answer"}.get(name, "")
        assert name == "all" or left_out in result.err + result.out
        for row in rows:
            rewritten, answer = row["id"].split("-")
            assert steps[rewritten] == "rewritten"
            assert steps[answer] in ("piece", "next")
            assert (row["chosen"], row["rejected"], row["level"]) == (texts[rewritten], texts[answer], 1)
            assert row["edits"] == edit_share(texts[answer], texts[rewritten])
            assert name != "near" or row["edits"] <= 0.8
            assert name != "flips" or (row["chosen_outcome"], row["rejected_outcome"]) == ("correct", "incorrect")
    assert counts["all"] > max(counts["near"], counts["flips"])
    assert edit_share("a b c d", "a b x d") == 0.25
