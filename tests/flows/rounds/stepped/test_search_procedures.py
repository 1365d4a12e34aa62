"""Runs whose policy is a procedure: a kill, another batch size and the order of answers change no row."""

import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import run_all
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.planning.search import RunSearch
from rollmill.flows.rounds.threads import RunThreads
from rollmill.pipelines.search.processes.outcome import Outcome
from rollmill.storage.rollouts import completions_by_id
from rollmill_reasoning.search.policies.step_mcts import StepMcts
from rollmill_reasoning.search.procedures.actions import Actions
from rollmill_reasoning.search.procedures.coarse_to_fine import CoarseToFine
from rollmill_reasoning.search.procedures.introspective import Introspective
from rollmill_reasoning.search.procedures.iterative_deepening import IterativeDeepening
from rollmill_reasoning.search.procedures.phi_decoding import PhiDecoding
from rollmill_reasoning.search.procedures.refinement import Refinement
from rollmill_reasoning.search.procedures.rollout_tree import RolloutTree
from rollmill_reasoning.search.procedures.scattered_forest import ScatteredForest
from rollmill_reasoning.search.procedures.sparse_pairs import SparsePairs
from rollmill_reasoning.search.procedures.tournament import Tournament
from rollmill_reasoning.search.processes.back_verification import BackVerification
from rollmill_reasoning.search.processes.critiques import Critiques
from tests.flows.rounds.stepped.searching import BATCH, search
from tests.flows.rounds.toy import calls, killed, rows_of, whole, workspace
from tests.forked import Forked

pytestmark = pytest.mark.integration

DIGIT = r"(\d)\D*\Z"  # the shipped model answers every question with numbers
JUDGED = Critiques(count=2, pattern=DIGIT, yes="1")
MADE: dict[str, Any] = {
    "phi_decoding": partial(search, policy=PhiDecoding(beams=2, expand=2, least_steps=2)),
    "rollout_tree": partial(search, policy=RolloutTree(most=5, rollouts=2, least_rollouts=2), process=Outcome()),
    "step_mcts": partial(search, policy=StepMcts(most=16), process=Outcome()),
    "refinement": partial(search, policy=Refinement(n=2, branch=2, depth=1), process=JUDGED),
    "scattered_forest": partial(search, policy=ScatteredForest(seeds=2, branch=2, most=6)),
    "introspective": partial(search, policy=Introspective(n=2, most=5), process=Outcome()),
    "actions": partial(
        search, policy=Actions(expand=2, width=2, steps=2), process=BackVerification(count=1, pattern=DIGIT)
    ),
    "coarse_to_fine": partial(search, policy=CoarseToFine(n=2, levels=2, branch=2, climbs=1), process=JUDGED),
    "sparse_pairs": partial(search, policy=SparsePairs(n=4, share=0.5, pattern=DIGIT)),
    "tournament": partial(search, policy=Tournament(n=3, pattern=DIGIT)),
    "iterative_deepening": partial(search, policy=IterativeDeepening(n=2, first=12, growth=1.5, rounds=3)),
}


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_killed_search_goes_on_to_the_same_rows(tmp_path: Path, name: str) -> None:
    """The whole run is in other batches, in another order and with two workers."""
    log, make = tmp_path / "log", MADE[name]
    whole(tmp_path / "whole", make(batch=7, threads=2, reverse=True))
    assert Forked(killed, tmp_path / "ws", log, make, point="plan.committed:4").end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log, make)
    assert rows_of(tmp_path / "ws") == rows_of(tmp_path / "whole")
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH


def test_a_rewriting_is_a_new_answer_to_a_question_that_shows_the_nodes(tmp_path: Path) -> None:
    """A direction sees the answer that it is about; the new answer sees both, and begins anew."""
    with workspace(tmp_path) as ws, MADE["scattered_forest"]().open(ws) as run:
        run_all(run)
        plans = all_plans(run)
        rows = [row for plan in plans for row in plan]
        texts = {cid: one.text for cid, one in completions_by_id(ws, {row.completion_id for row in rows}).items()}
        directions = [row for row in rows if row.step == "direction"]
        rewritten = [row for row in rows if row.step == "rewritten"]
        threads = RunThreads(run)
        threads.note(plans)
        asked = [str(prompt) for prompt in threads.prompts(rewritten)]
        search_trees = RunSearch(run)
        search_trees.note(plans)
        nodes = {node.id: node for tree in search_trees.trees() for node in tree.nodes}
    assert directions
    assert rewritten
    for row, prompt in zip(rewritten, asked, strict=True):
        assert len(row.followed) == 2
        assert all(texts[shown] in prompt for shown in row.followed)
        assert nodes[row.completion_id].finished
        assert nodes[row.completion_id].path_tokens == nodes[row.completion_id].tokens
    answered = {row.followed[0] for row in rows if row.step == "answer"}
    assert answered == {node.id for node in nodes.values() if node.finished}
    assert not answered & {row.completion_id for row in directions}
    assert all(texts[row.completion_id] == texts[row.followed[0]] for row in rows if row.step == "answer")


def test_a_back_verification_shows_the_answer_and_not_the_reasoning(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, MADE["actions"]().open(ws) as run:
        run_all(run)
        plans = all_plans(run)
        rows = [row for plan in plans for row in plan]
        asked = [row for row in rows if row.step == "process"]
        texts = {cid: one.text for cid, one in completions_by_id(ws, {row.followed[0] for row in asked}).items()}
        threads = RunThreads(run)
        threads.note(plans)
        prompts = [str(prompt) for prompt in threads.prompts(asked)]
    assert asked
    for row, prompt in zip(asked, prompts, strict=True):
        reasoning, _, answer = texts[row.followed[0]].rpartition("#### ")
        assert f"Suppose that the answer is {answer.strip()}." in prompt
        assert reasoning not in prompt or not reasoning
    assert {row.followed for row in asked} <= {row.followed for row in rows if row.step == "answer"}
