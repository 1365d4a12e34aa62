"""Runs that search with the shipped model: nothing but the recipe changes tree or rows, and pieces make whole answers."""

import random
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import plan_round, run_all, run_round
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.planning.search import RunSearch
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Origin, Sampling, requests_for
from rollmill.pipelines.budget.search import Search
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.search.tree import ROOT
from rollmill.storage.spending import Limit
from tests.flows.rounds.stepped.searching import BATCH, problems, search
from tests.flows.rounds.toy import Rows, calls, killed, rows_of, whole, with_spec, workspace
from tests.forked import Forked

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    whole(path, search())
    return rows_of(path)


def texts_of(rows: Rows) -> dict[str, str]:
    return {row[0]: row[5] for row in rows["completions"]}


def test_pieces_are_lines_that_go_on_from_whole_texts(plain: Rows) -> None:
    texts = texts_of(plain)
    for _, _, cid, step, after in plain["links"]:
        if step == "next":
            assert texts[cid].startswith(texts[after] + "\n")
            assert texts[cid].removeprefix(texts[after] + "\n").count("\n") == 0
        elif step == "piece":
            assert "\n" not in texts[cid]
        else:
            assert texts[cid] == texts[after]
            assert "####" in texts[cid]
    assert {"piece", "next", "answer"} == {step for *_, step, _ in plain["links"]}


def test_only_finished_answers_are_judged_and_each_once(plain: Rows) -> None:
    answers = {cid: after for _, _, cid, step, after in plain["links"] if step == "answer"}
    followed = {after for *_, step, after in plain["links"] if step == "next"}
    assert {row[0] for row in plain["verdicts"]} == {row[2] for row in plain["decisions"]} == set(answers)
    assert len(set(answers.values())) == len(answers)
    assert not set(answers.values()) & followed
    assert {row[3] for row in plain["stops"]} == {"searched"}
    assert len(plain["stops"]) == len(problems())


def test_answers_of_pieces_are_what_the_model_would_say_in_one_piece() -> None:
    """The tokens of a text and those of its pieces are the same, so a piece is drawn from the model's own distribution."""
    engine = Embedded(threads=1)
    for problem in problems():
        rendered = engine.render(problem.prompt)
        origin = Origin(engine.engine, engine.model_digest, "curate", 0)
        requests = list(requests_for(problem, rendered, Sampling(max_tokens=120), origin, range(2)))
        for completion in engine.generate(requests):
            before = engine.prompt_tokens(rendered)
            lines = completion.text.split("\n")
            for count in range(1, len(lines)):
                begun = "\n".join(lines[:count]) + "\n"
                assert engine.prompt_tokens(rendered + begun) == before + len(
                    engine._vocabulary.encode(begun)  # type: ignore[union-attr]
                )
                assert completion.token_ids is not None
                ids = tuple(engine._vocabulary.encode(begun))  # type: ignore[union-attr]
                assert completion.token_ids[: len(ids)] == ids


@pytest.mark.parametrize(
    "changes",
    [{"batch": 3, "threads": 2}, {"batch": 256, "reverse": True}],
    ids=["small, two workers", "large and reversed"],
)
def test_batches_workers_and_the_order_of_answers_change_no_row(
    tmp_path: Path, plain: Rows, changes: dict[str, Any]
) -> None:
    whole(tmp_path, search(**changes))
    assert rows_of(tmp_path) == plain


@pytest.mark.parametrize("moment", ["plan.committed:4", pytest.param("segment.renamed:9", marks=pytest.mark.chaos)])
def test_a_killed_search_goes_on_to_the_same_tree(tmp_path: Path, plain: Rows, moment: str) -> None:
    log = tmp_path / "log"
    assert Forked(killed, tmp_path / "ws", log, search, point=moment).end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log, search)
    assert rows_of(tmp_path / "ws") == plain
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH


@pytest.mark.chaos
def test_ten_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path, plain: Rows) -> None:
    log, rng, kills = tmp_path / "log", random.Random(5), 0
    while kills < 10:
        kind = rng.choice(["segment.renamed", "segment.registered", "plan.committed"])
        status, said = Forked(killed, tmp_path / "ws", log, search, point=f"{kind}:{rng.randint(1, 3)}").end()
        assert said == ""
        if status == 0:
            break
        kills += 1
    killed(tmp_path / "ws", log, search)
    assert rows_of(tmp_path / "ws") == plain
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH * kills


def test_each_policy_has_its_tree_and_another_seed_another(tmp_path: Path, plain: Rows) -> None:
    trees = {}
    for policy in ("best_of_n", "beam"):
        whole(tmp_path / policy, search(policy=policy))
        trees[policy] = rows_of(tmp_path / policy)["links"]
    whole(tmp_path / "other", search(seed=8))
    links = [plain["links"], rows_of(tmp_path / "other")["links"], *trees.values()]
    assert len({str(link) for link in links}) == 4
    answers = Counter((problem, step) for _, problem, _, step, _ in trees["best_of_n"])
    assert all(answers[problem.id, "answer"] == 8 for problem in problems())


def test_a_search_reuses_what_another_drew(tmp_path: Path) -> None:
    log = tmp_path / "log"
    whole(tmp_path / "ws", search("first", policy="best_of_n", log=log))
    first = set(calls(log))
    whole(tmp_path / "ws", search("second", policy="particles", log=log))
    assert len(calls(log)) == len(set(calls(log)))
    roots = [row for row in rows_of(tmp_path / "ws")["links"] if row[3] == "piece"]
    assert len({row[2] for row in roots}) == len(roots) / 2 == 8 * len(problems())
    assert {row[2] for row in roots} <= first


def test_a_tree_holds_what_was_drawn_and_what_it_cost(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, search().open(ws) as run:
        run_all(run)
        grown = RunSearch(run)
        grown.note(all_plans(run))
        trees = list(grown.trees())
        tokens = ws.segments.connect().execute("SELECT sum(tokens_out) FROM completions").fetchall()
    assert sum(tree.tokens for tree in trees) == tokens[0][0]
    for tree in trees:
        assert [node.wave for node in tree.nodes] == sorted(node.wave for node in tree.nodes)
        for node in tree.nodes:
            path = tree.path(node.id)
            assert path[0].parent == ROOT
            assert [node_above.depth for node_above in path] == list(range(1, len(path) + 1))
            assert sum(node_above.tokens for node_above in path) == node.path_tokens
        assert {node.id for node in tree.nodes if not tree.children[node.id]} >= {node.id for node in tree.finished}


def test_tokens_of_a_problem_are_capped(tmp_path: Path) -> None:
    toy = search(policy="best_of_n")
    toy = with_spec(toy, budget=Search(policy=toy.spec.budget.policy, process="lines", most_tokens=200))  # type: ignore[attr-defined]
    with workspace(tmp_path) as ws, toy.open(ws) as run:
        run_all(run)
        grown = RunSearch(run)
        grown.note(all_plans(run))
        costs = [tree.tokens for tree in grown.trees()]
    assert all(200 <= cost < 200 + 8 * 32 for cost in costs)


def test_a_limit_ends_a_search_and_the_next_command_goes_on(tmp_path: Path, plain: Rows) -> None:
    limited = with_spec(search(), limit=Limit(tokens=10_000))
    with workspace(tmp_path) as ws, limited.open(ws) as run:
        results = run_all(run)
    assert results[-1].stopped == "token limit"
    whole(tmp_path, search())
    assert rows_of(tmp_path) == plain


def test_a_server_that_does_not_say_which_stop_it_met_is_refused(tmp_path: Path) -> None:
    from rollmill.flows.rounds.planning.search import tokens_of
    from rollmill.storage.rollouts import completions_by_id

    with workspace(tmp_path) as ws, search().open(ws) as run:
        rows = plan_round(run, 0)
        assert rows
        run_round(run, rows)
        grown = RunSearch(run)
        (one, *_) = completions_by_id(ws, [rows[0].completion_id]).values()
        assert one.meta["stop"] == "\n"
        assert not grown._is_finished(one, tokens_of(one))
        assert grown._is_finished(replace(one, meta={}), tokens_of(one))
        assert grown._is_finished(replace(one, meta={"stop": "Question:"}), tokens_of(one))
        assert grown._is_finished(one, 120)
        with pytest.raises(SetupError, match="does not say which stop string it met"):
            grown._is_finished(replace(one, meta={"stop": None}), tokens_of(one))
