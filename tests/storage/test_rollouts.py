"""Rollouts are assembled in one place: from a run's plan and from a version's tables they are the same."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rollmill.flows.rounds import DecisionReport, OpenRun, decide, run_all
from rollmill.flows.rounds.plan_rows import in_order
from rollmill.ground.pool import STATES, Pool, ballot, pool_of
from rollmill.ground.records import PENDING, PlanRow, ThreadRow
from rollmill.metrics import counts_of, funnel_of
from rollmill.pipelines.verify.acceptance import accepted_verdict
from rollmill.storage.rollouts import Accept, IncompleteRound, RunReader, graded_of_tables
from rollmill.storage.segments.rows import Rows
from rollmill.storage.segments.schema import to_table
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import spec, workspace


@dataclass
class Toy:
    """A finished toy run with its reader and the rule by which a verdict counts."""

    ws: Workspace
    run: OpenRun
    report: DecisionReport
    reader: RunReader
    accept: Accept
    rows: Rows[PlanRow]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    folder: Path = tmp_path_factory.mktemp("rollouts")
    with workspace(folder) as ws, spec().open(ws) as run:
        run_all(run)
        report = decide(run)
        rows = in_order(ws.runs.plans(run.id))
        yield Toy(ws, run, report, run.reader(), partial(accepted_verdict, run.spec.accept, run.verifiers.chain), rows)


def test_graded_completions_and_rollouts_are_the_same_rows(toy: Toy) -> None:
    graded = [completion for _, members in toy.reader.by_problem(toy.rows) for completion in members]
    rollouts = [rollout for _, members in toy.reader.rollouts(toy.rows, toy.accept) for rollout in members]
    assert len(graded) == len(rollouts) == 52
    for completion, rollout in zip(graded, rollouts, strict=True):
        verdict = toy.accept(completion.verdicts)
        assert verdict is not None
        assert completion.rollout(verdict) == rollout
    some = list(toy.rows)[:7]
    assert toy.reader.read(some, toy.reader.verdicts(some)) == graded[:7]


def test_a_versions_tables_give_what_the_run_gives(toy: Toy) -> None:
    graded = dict(toy.reader.by_problem(toy.rows))
    every = [completion for members in graded.values() for completion in members]
    tables = {
        "problems": to_table("problems", toy.run.spec.problems),
        "completions": to_table("completions", [row.completion for row in every]),
        "verdicts": to_table("verdicts", [verdict for row in every for verdict in row.verdicts.values()]),
        "scores": to_table("scores", toy.report.scores),
        "decisions": to_table("decisions", toy.report.decisions),
        "threads": to_table("threads", []),
    }
    assert graded_of_tables(tables, ()) == graded
    draft, problem = every[0].completion.id, every[0].problem.id
    unjudged = to_table("threads", [ThreadRow(problem, draft, "draft", "step", "")])
    assert graded_of_tables({**tables, "threads": unjudged}, ())[problem] == graded[problem][1:]
    mine = toy.reader.pool(toy.run.spec.problems, toy.rows, toy.accept).measured(4)
    published = pool_of(*tables_of(tables)).measured(4)
    for name in ("correct", "judged", "undecided", "rollouts"):
        assert getattr(counts_of(mine), name).tolist() == getattr(counts_of(published), name).tolist(), name
    assert counts_of(mine).judged.sum() > 0
    assert funnel_of(mine).outcomes() == funnel_of(published).outcomes() == toy.report.funnel.outcomes()
    assert sorted(mine.tokens.tolist()) == sorted(published.tokens.tolist())
    assert (mine.models, mine.steps) == (published.models, published.steps)
    assert rows_of(mine) == rows_of(published)
    assert sorted(published.scores) == ["logprob_per_token", "logprob_sum"]  # this engine measures no certainty
    bare = pool_of(tables["problems"], tables["completions"], tables["decisions"])
    assert set(bare.answer.tolist()) == {-1}


def tables_of(tables: dict[str, pa.Table]) -> tuple[pa.Table, ...]:
    return tuple(tables[kind] for kind in ("problems", "completions", "decisions", "verdicts", "scores"))


def rows_of(pool: Pool) -> list[tuple[object, ...]]:
    """What aggregators see of each row, in an order of their own."""
    answers = [None if at < 0 else pool.answers[at] for at in pool.answer.tolist()]
    problems = [pool.problems[at] for at in pool.problem.tolist()]
    return sorted(zip(problems, pool.index.tolist(), map(str, answers), *map(list, pool.scores.values()), strict=True))


def test_a_pool_holds_answers_by_their_canonical_keys(toy: Toy) -> None:
    pool = toy.reader.pool(toy.run.spec.problems, toy.rows, toy.accept)
    verdicts = toy.reader.accepted(toy.rows, toy.accept)
    keys = [ballot(verdicts[row.completion_id, row.problem_id]) for row in toy.rows]
    assert [None if at < 0 else pool.answers[at] for at in pool.answer.tolist()] == keys
    assert len(set(keys) - {None}) > 1
    assert (pool.answer[pool.has("unparsed")] == -1).all()


def test_rows_that_nobody_judged_are_pending_in_a_pool_and_refused_as_rollouts(toy: Toy) -> None:
    other = RunReader(toy.ws, toy.run.spec.problem, [("nobody", "1")], toy.run.spec.place)
    accept = partial(accepted_verdict, toy.run.spec.accept, [("nobody", "1")])
    pool = other.pool(toy.run.spec.problems, toy.rows, accept)
    assert np.array_equal(pool.outcome, np.full(52, STATES.index(PENDING)))
    with pytest.raises(IncompleteRound, match="52 of 52 planned rollouts have no verdict; run round 0 first"):
        list(other.rollouts(toy.rows, accept))
    with pytest.raises(IncompleteRound, match="52 of 52 planned rollouts have no verdict"):
        other.accepted(toy.rows, accept)
