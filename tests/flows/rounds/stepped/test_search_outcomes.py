"""Searches whose process reads verdicts: an answer is judged before its tree grows on, and a kill changes nothing."""

import signal
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from rollmill.flows.rounds import run_all
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.planning.search import RunSearch
from rollmill.pipelines.search.election import elected
from rollmill.pipelines.search.processes.lines import Lines
from rollmill.pipelines.search.processes.outcome import Outcome
from rollmill.storage.rollouts import completions_by_id
from rollmill_reasoning.search.policies.mcts import Mcts
from rollmill_reasoning.search.policies.tree_sampling import TreeSampling
from tests.flows.rounds.stepped.searching import BATCH, search
from tests.flows.rounds.toy import Rows, calls, killed, rows_of, whole, workspace
from tests.forked import Forked

pytestmark = pytest.mark.integration

made = partial(search, policy=TreeSampling(rollouts=6, together=3), process=Outcome(estimate=[Lines()]))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    whole(path, made())
    return rows_of(path)


def test_a_finished_node_has_the_score_of_its_verdict_and_others_the_estimate(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, made().open(ws) as run:
        run_all(run)
        grown = RunSearch(run)
        grown.note(all_plans(run))
        trees = list(grown.trees())
        rows = [row for plan in all_plans(run) for row in plan if row.step == "answer"]
        outcomes = run.outcomes(rows)
    ended = {row.followed[0]: outcomes[row.completion_id, row.problem_id] for row in rows}
    assert all(len(tree.finished) == 6 for tree in trees)
    nodes = [node for tree in trees for node in tree.nodes]
    assert {node.id: node.score == 1.0 for node in nodes if node.finished} == {
        cid: outcome == "correct" for cid, outcome in ended.items()
    }
    assert {node.score for node in nodes if not node.finished} <= {0.02, 0.98}
    assert {node.score for node in nodes if node.finished} == {0.0, 1.0}


@pytest.mark.parametrize("moment", ["plan.committed:4", "segment.registered:8"])
def test_a_search_killed_amid_its_verdicts_goes_on_to_the_same_tree(tmp_path: Path, plain: Rows, moment: str) -> None:
    log = tmp_path / "log"
    assert Forked(killed, tmp_path / "ws", log, made, point=moment).end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log, made)
    assert rows_of(tmp_path / "ws") == plain
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH


def test_batches_workers_and_the_order_of_answers_change_no_row(tmp_path: Path, plain: Rows) -> None:
    whole(tmp_path, made(batch=5, threads=2, reverse=True))
    assert rows_of(tmp_path) == plain


def elections(path: Path) -> dict[str, str | None]:
    """The elected answer of each problem, of the run in this workspace; whatever it lacks is drawn."""
    policy = Mcts(most=48)
    with workspace(path) as ws, search(policy=policy).open(ws) as run:
        run_all(run)
        grown, chosen = RunSearch(run), {}
        grown.note(all_plans(run))
        for tree in grown.trees():
            texts = completions_by_id(ws, [node.id for node in tree.finished])
            answers = {cid: text.text.rpartition("#### ")[2] or None for cid, text in texts.items()}
            chosen[tree.problem_id] = elected(policy, Lines(), tree, answers)
            weights = Counter[str]()
            for node in tree.finished:
                weights[answers[node.id] or ""] += max(node.score, 1e-6)  # type: ignore[assignment]
            assert weights[chosen[tree.problem_id] or ""] == max(weights.values())
        return chosen


def test_a_killed_search_elects_the_answers_of_one_that_was_not_killed(tmp_path: Path) -> None:
    make = partial(search, policy=Mcts(most=48))
    first = elections(tmp_path / "whole")
    assert Forked(killed, tmp_path / "ws", tmp_path / "log", make, point="plan.committed:5").end() == (-signal.SIGKILL, "")
    assert elections(tmp_path / "ws") == first
    assert len(first) == 3
    assert all(first.values())
