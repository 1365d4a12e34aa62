"""What each arm of a run did: its model and sampling, its rollouts by outcome, what was kept of it, its tokens, its rates.

Rates are over the completions that an arm drew before any verdict on that arm: the first `initial` of every problem on the
first arm, the first `entry` on a later one of the problems that were routed to it. Arms are never pooled. Where the budget
routes by agreement the vote over all answers is reported too; it looks at no reference, only its score does.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.curation.metrics import arm_rates
from pipelines.metrics import PassAtLimit, funnel_of
from pipelines.protocols import RoutingBudget
from pipelines.stats import vote, weighted_vote
from pipelines.verify.acceptance import accepted
from storage.pool import Pool

if TYPE_CHECKING:
    from flows.rounds import OpenRun, RunSpec
    from flows.sampling.arms import Arm
    from flows.session import RecipeRun


def fingerprint_of(run: "OpenRun") -> dict[str, str]:
    """What equality of texts depends on, of every engine that may draw."""
    if run.spec.generator is None:
        return {}
    return {
        f"{arm.name}.{key}" if arm.name else key: value
        for arm in run.spec.every_arm()
        for key, value in run.engine(arm.name).fingerprint().items()
    }


def arms_of(run: "RecipeRun", pool: Pool, limit: PassAtLimit) -> dict[str, Any]:
    """The manifest's part about arms; nothing for a recipe without them."""
    if not run.spec.arms:
        return {}
    rows = [_arm(run.open, arm, pool, limit) for arm in run.spec.arms]
    budget = run.spec.budget
    voted = isinstance(budget, RoutingBudget) and budget.rule == "agreement"
    return {"arms": rows, **({"vote": _voted(run)} if voted else {})}


def _arm(run: "OpenRun", arm: "Arm", pool: Pool, limit: PassAtLimit) -> dict[str, Any]:
    mine = pool.where(pool.arm == (pool.arms.index(arm.name) if arm.name in pool.arms else -1))
    funnel, drawn = funnel_of(mine), np.unique(mine.completion, return_index=True)[1]
    engine, sampling = run.engine(arm.name), arm.sampling
    return {
        "name": arm.name,
        "engine": engine.engine,
        "model": engine.model,
        "model_digest": engine.model_digest,
        "form": arm.form.template,
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "problems": len(np.unique(mine.problem)),
        "drawn": funnel.planned,
        **funnel.outcomes(),
        "kept": funnel.kept,
        "tokens_out": int(mine.tokens[drawn].clip(min=0).sum()),
        "rates": arm_rates(pool, prefix=_prefix(run.spec, arm), arm=arm.name, limit=limit),
    }


def _prefix(spec: "RunSpec", arm: "Arm") -> int | None:
    """The completions of a problem on this arm that no verdict on it decided."""
    entry = spec.budget.entry if isinstance(spec.budget, RoutingBudget) else None
    return spec.prefix if entry is None or spec.place(arm.name) == 0 else entry


def _voted(run: "RecipeRun") -> dict[str, Any]:
    """How often the answer that was voted for is a correct one; the weighted form stands beside it."""

    spec, plans = run.spec, run.workspace.runs.plans(run.id)
    rows = sorted((row for plan in plans for row in plan), key=lambda row: (spec.place(row.arm), row.sample_index))
    accept = partial(accepted, spec.accept, run.open.chain())
    pool = run.open.reader(run.workspace).pool(spec.problems, rows, accept)
    answers: dict[int, dict[int, list[int | None]]] = {}
    right: dict[int, set[int]] = {}
    columns = (pool.problem, pool.arm, pool.answer, pool.has("correct"))
    for problem, arm, answer, correct in zip(*(column.tolist() for column in columns), strict=True):
        key = None if answer < 0 else answer
        answers.setdefault(problem, {}).setdefault(arm, []).append(key)
        if correct and key is not None:
            right.setdefault(problem, set()).add(key)
    elected = {name: _score(answers, right, poll) for name, poll in (("plain", vote), ("weighted", weighted_vote))}
    return {"problems": len(answers), "voters": len(rows), **elected}


def _score(answers: Mapping[int, Mapping[int, Any]], right: Mapping[int, set[int]], poll: Any) -> dict[str, Any]:
    elected = {problem: poll(list(by_arm.values())).answer for problem, by_arm in answers.items()}
    correct = sum(answer is not None and answer in right.get(problem, ()) for problem, answer in elected.items())
    silent = sum(answer is None for answer in elected.values())
    return {"correct": correct, "no_answer": silent, "share": correct / len(elected)}
