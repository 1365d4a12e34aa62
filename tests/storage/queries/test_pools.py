"""The pool of a run: its measured rollouts alone, with texts in the order of its rows."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.metrics import counts_of
from rollmill.storage.queries import pass_rates, run_scope
from rollmill.storage.queries.pools import scope_pool
from tests.storage.queries.conftest import DONE, LIVE, Milled


def test_the_pool_of_a_run_is_its_fixed_prefix_and_its_rates_are_the_runs(curated: Milled) -> None:
    scope = run_scope(curated.reader, DONE)
    pool = scope_pool(scope)
    assert (len(pool.pool), len(pool.pool.problems)) == (24, 6)
    assert sorted(pool.pool.index.tolist()) == sorted([*range(4)] * 6)
    counts = counts_of(pool.pool)
    assert int(counts.correct.sum()) == sum(rate.correct for rate in pass_rates(scope)) == 14
    assert pool.pool.tokens.tolist() == [7] * 24
    assert pool.texts() == tuple(f"text {cid}" for cid in pool.completions)


def test_rows_that_are_not_judged_yet_are_pending_and_abstain(curated: Milled, live_run: Callable[..., None]) -> None:
    live_run(curated, [["nobody", "1"]])
    pool = scope_pool(run_scope(curated.reader, LIVE))
    pending = pool.pool.has("pending")
    assert pending.any()
    assert set(pool.pool.answer[pending].tolist()) == {-1}


def test_a_pool_without_answers_has_the_same_rollouts(curated: Milled) -> None:
    scope = run_scope(curated.reader, DONE)
    whole, plain = scope_pool(scope).pool, scope_pool(scope, answers=False).pool
    assert set(plain.answer.tolist()) == {-1} != set(whole.answer.tolist())
    for name in ("problem", "completion", "index", "outcome", "in_prefix", "kept", "model", "tokens"):
        assert getattr(plain, name).tolist() == getattr(whole, name).tolist(), name
    assert plain.scores.keys() == whole.scores.keys()


def test_a_scope_without_a_fixed_prefix_has_no_pool(curated: Milled) -> None:
    scope = replace(run_scope(curated.reader, DONE), prefix=0)
    with pytest.raises(
        SetupError, match=r"fixed before a verdict: every draw depended .* of a search; or its completions count by"
    ):
        scope_pool(scope)
