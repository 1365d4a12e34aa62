"""What each step of a run did: its model and sampling, its rollouts by outcome, what was kept of it, its tokens, its rates.

Rates are over the completions that a step drew before any verdict on that step: the first `initial` of every problem on the
first step, the first `entry` on a later one of the problems routed to it. Steps are never pooled. Where the budget
routes by agreement the vote over all answers is reported too; it looks at no reference, only its score does.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from flows.curation.metrics import step_rates
from pipelines.metrics import PassAtLimit, funnel_of
from pipelines.protocols import RoutingBudget
from pipelines.stats import vote, weighted_vote
from pipelines.verify.acceptance import accepted
from storage.pool import Pool

if TYPE_CHECKING:
    from flows.rounds import OpenRun, RunSpec
    from flows.sampling.steps import Step
    from flows.session import RecipeRun


def fingerprint_of(run: "OpenRun") -> dict[str, str]:
    """What equality of texts depends on, of every engine that may draw."""
    if run.spec.generator is None:
        return {}
    return {
        f"{step.name}.{key}" if step.name else key: value
        for step in run.spec.every_step()
        for key, value in run.engine(step.name).fingerprint().items()
    }


def steps_of(run: "RecipeRun", pool: Pool, limit: PassAtLimit) -> dict[str, Any]:
    """The manifest's part about steps; nothing for a recipe without them."""
    if not run.spec.steps:
        return {}
    rows = [_step(run.open, step, pool, limit) for step in run.spec.steps]
    budget = run.spec.budget
    voted = isinstance(budget, RoutingBudget) and budget.rule == "agreement"
    return {"steps": rows, **({"vote": _voted(run)} if voted else {})}


def _step(run: "OpenRun", step: "Step", pool: Pool, limit: PassAtLimit) -> dict[str, Any]:
    mine = pool.where(pool.step == (pool.steps.index(step.name) if step.name in pool.steps else -1))
    funnel, drawn = funnel_of(mine), np.unique(mine.completion, return_index=True)[1]
    engine, sampling = run.engine(step.name), step.sampling
    return {
        "name": step.name,
        "engine": engine.engine,
        "model": engine.model,
        "model_digest": engine.model_digest,
        "template": step.form.template,
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "problems": len(np.unique(mine.problem)),
        "drawn": funnel.planned,
        **funnel.outcomes(),
        "kept": funnel.kept,
        "tokens_out": int(mine.tokens[drawn].clip(min=0).sum()),
        "rates": step_rates(pool, prefix=_prefix(run.spec, step), step=step.name, limit=limit),
    }


def _prefix(spec: "RunSpec", step: "Step") -> int | None:
    """The completions of a problem on this step that no verdict on it decided."""
    entry = spec.budget.entry if isinstance(spec.budget, RoutingBudget) else None
    return spec.prefix if entry is None or spec.place(step.name) == 0 else entry


def _voted(run: "RecipeRun") -> dict[str, Any]:
    """How often the answer that was voted for is a correct one; the weighted form stands beside it."""

    spec, plans = run.spec, run.workspace.runs.plans(run.id)
    rows = sorted((row for plan in plans for row in plan), key=lambda row: (spec.place(row.step), row.sample_index))
    accept = partial(accepted, spec.accept, run.open.chain())
    pool = run.open.reader(run.workspace).pool(spec.problems, rows, accept)
    answers: dict[int, dict[int, list[int | None]]] = {}
    right: dict[int, set[int]] = {}
    columns = (pool.problem, pool.step, pool.answer, pool.has("correct"))
    for problem, step, answer, correct in zip(*(column.tolist() for column in columns), strict=True):
        key = None if answer < 0 else answer
        answers.setdefault(problem, {}).setdefault(step, []).append(key)
        if correct and key is not None:
            right.setdefault(problem, set()).add(key)
    elected = {name: _score(answers, right, poll) for name, poll in (("plain", vote), ("weighted", weighted_vote))}
    return {"problems": len(answers), "voters": len(rows), **elected}


def _score(answers: Mapping[int, Mapping[int, Any]], right: Mapping[int, set[int]], poll: Any) -> dict[str, Any]:
    elected = {problem: poll(list(by_step.values())).answer for problem, by_step in answers.items()}
    correct = sum(answer is not None and answer in right.get(problem, ()) for problem, answer in elected.items())
    silent = sum(answer is None for answer in elected.values())
    return {"correct": correct, "no_answer": silent, "share": correct / len(elected)}
