"""Searches whose process has something drawn of each piece: it is planned, stored, charged and resumed like all draws."""

import signal
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import plan_round, run_all, run_round
from rollmill.flows.rounds.planning.plan import all_plans
from rollmill.flows.rounds.planning.search import RunSearch
from rollmill.flows.rounds.threads import RunThreads
from rollmill.pipelines.search.kernel import PROCESS_INDEX
from rollmill.pipelines.search.processes.rollouts import Rollouts
from rollmill.pipelines.search.processes.votes import Votes
from rollmill.pipelines.search.tree import Tree
from rollmill.storage.rollouts import completions_by_id
from tests.flows.rounds.stepped.searching import BATCH, search
from tests.flows.rounds.toy import Rows, calls, killed, rows_of, whole, workspace
from tests.forked import Forked

pytestmark = pytest.mark.integration

ROLLOUTS = Rollouts(count=2)
VOTES = Votes(count=2, pattern=r"(\d)\D*\Z", yes="1")  # the shipped model answers every question with numbers


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    whole(path, search(process=ROLLOUTS))
    return rows_of(path)


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("voted")
    whole(path, search(process=VOTES))
    return rows_of(path)


def grown(path: Path, **options: Any) -> tuple[dict[str, Tree], int]:
    """The trees of a run, and the tokens of all that it drew."""
    with workspace(path) as ws, search(**options).open(ws) as run:
        run_all(run)
        tree_search = RunSearch(run)
        tree_search.note(all_plans(run))
        tokens = ws.segments.connect().execute("SELECT sum(tokens_out) FROM completions").fetchall()
        return {tree.problem_id: tree for tree in tree_search.trees()}, int(tokens[0][0])


def test_every_unfinished_piece_has_its_rollouts_and_they_go_on_from_it(plain: Rows) -> None:
    texts = {row[0]: row[5] for row in plain["completions"]}
    pieces = {cid for *_, cid, step, _ in plain["links"] if step in ("piece", "next")}
    finished = {after for *_, step, after in plain["links"] if step == "answer"}
    drawn: dict[str, list[str]] = {}
    for *_, cid, step, after in plain["links"]:
        if step == "process":
            drawn.setdefault(after, []).append(texts[cid])
    assert set(drawn) == pieces - finished
    assert all(len(ends) == 2 and all(end.startswith(texts[piece] + "\n") for end in ends) for piece, ends in drawn.items())
    assert sum("####" in end for ends in drawn.values() for end in ends) > 0.9 * 2 * len(drawn)


def test_rollouts_do_not_begin_with_the_pieces_that_they_are_to_judge(plain: Rows) -> None:
    """With the sample indices of the next pieces they would have their seeds, and be drawn as the same texts."""
    texts = {row[0]: row[5] for row in plain["completions"]}
    children: dict[str, list[str]] = {}
    for *_, cid, step, after in plain["links"]:
        if step == "next":
            children.setdefault(after, []).append(cid)
    places = {row[0]: row[4] for row in plain["completions"]}
    rollouts = [(cid, after) for *_, cid, step, after in plain["links"] if step == "process" and after in children]
    assert rollouts
    assert all(int(places[cid]) >= PROCESS_INDEX for cid, _ in rollouts)
    first = [(texts[cid], texts[child]) for cid, after in rollouts for child in children[after][:1]]
    assert sum(end.startswith(piece) for end, piece in first) < len(first)


def test_the_tree_costs_what_was_drawn_and_scores_follow_from_the_rollouts(tmp_path: Path) -> None:
    trees, tokens = grown(tmp_path, process=ROLLOUTS)
    assert sum(tree.tokens for tree in trees.values()) == tokens
    nodes = [node for tree in trees.values() for node in tree.nodes]
    assert all((node.process_tokens > 0) is not node.finished for node in nodes)
    assert len({node.score for node in nodes}) > 10
    assert all(0 <= node.score <= 1 for node in nodes)


@pytest.mark.parametrize("process", [ROLLOUTS, VOTES], ids=["rollouts", "votes"])
@pytest.mark.parametrize(
    "changes",
    [{"batch": 7, "threads": 2}, {"batch": 256, "reverse": True}],
    ids=["small, two workers", "large and reversed"],
)
def test_batches_workers_and_the_order_of_answers_change_no_row(
    tmp_path: Path, plain: Rows, voted: Rows, process: Any, changes: dict[str, Any]
) -> None:
    whole(tmp_path, search(process=process, **changes))
    assert rows_of(tmp_path) == (voted if process is VOTES else plain)


@pytest.mark.parametrize("moment", ["plan.committed:2", pytest.param("plan.committed:5", marks=pytest.mark.chaos)])
def test_a_killed_search_goes_on_to_the_same_tree(tmp_path: Path, plain: Rows, moment: str) -> None:
    log = tmp_path / "log"
    make = partial(search, process=ROLLOUTS)
    assert Forked(killed, tmp_path / "ws", log, make, point=moment).end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log, make)
    assert rows_of(tmp_path / "ws") == plain
    assert len(calls(log)) <= len(set(calls(log))) + 2 * BATCH


def test_every_piece_finished_or_not_is_voted_on_and_its_voters_are_shown_it(tmp_path: Path, voted: Rows) -> None:
    counts = Counter(after for *_, step, after in voted["links"] if step == "process")
    assert counts == {cid: 2 for *_, cid, step, _ in voted["links"] if step in ("piece", "next")}
    with workspace(tmp_path) as ws, search(process=VOTES).open(ws) as run:
        rows = plan_round(run, 0)
        assert rows
        run_round(run, rows)
        votes = plan_round(run, 1)
        assert votes
        threads = RunThreads(run)
        threads.note(all_plans(run))
        (shown,) = {str(prompt) for prompt in threads.prompts(votes[:1])}
        (piece,) = completions_by_id(ws, votes[0].followed).values()
    assert piece.text in shown
    assert str(run.spec.problem(votes[0].problem_id).prompt) in shown
    assert shown.endswith("Is every step of it right? Say yes or no.")


def test_each_policy_grows_with_a_process_that_draws(tmp_path: Path) -> None:
    for policy in ("beam", "lookahead", "best_first"):
        trees, tokens = grown(tmp_path / policy, process=Rollouts(count=1), policy=policy)
        assert sum(tree.tokens for tree in trees.values()) == tokens
        assert all(tree.finished for tree in trees.values())
