"""The numbers of a run for its manifest: funnel, cost, pass rates by level, step and model. No clock, no path.

rollmill.metrics computes them; this module selects those of a manifest and names their keys.
"""

import json
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow.compute as pc

from rollmill.ground.pool import Pool
from rollmill.ground.records import StopRow
from rollmill.ground.replies.faults import reply_counts
from rollmill.metrics import (
    Counts,
    PassAtLimit,
    counts_of,
    estimand_of,
    funnel_of,
    path_counted,
    rate_row,
    stop_reasons,
)
from rollmill.roles.protocols import StoppingBudget
from rollmill.stats import rule_error_counts
from rollmill.storage.segments.instance import instance

if TYPE_CHECKING:
    from rollmill.flows.problems import RecipeProblems
    from rollmill.flows.rounds import RunSpec
    from rollmill.storage.versions.content.snapshot import Snapshot


def funnel_row(
    pool: Pool, snapshot: "Snapshot", problems: "RecipeProblems", *, stops: Sequence[StopRow], rounds: int
) -> dict[str, Any]:
    """Funnel of counts from problems made to rollouts kept, each loss with its reason.

    `drawn` counts rollouts: a completion that answers two problems counts for both, so that outcomes and decisions add up.
    `unjudged` are counted apart; `tokens_out` and `truncated` are of all completions.
    """
    funnel = funnel_of(pool, snapshot.threads)
    # Raises if a loss is not explained: a manifest must not show counts that do not add up.
    funnel.reconcile()
    # pc.sum gives null over no rows, and where no engine counted tokens.
    tokens = pc.sum(snapshot.completions["tokens_out"]).as_py()
    return {
        "problems_made": problems.made,
        "problems_dropped": dict(problems.dropped),
        "problems": funnel.problems,
        "problems_solved": funnel.solved,
        "rounds": rounds,
        "drawn": funnel.planned,
        "unjudged": funnel.unjudged,
        **funnel.outcomes(),
        "kept": funnel.kept,
        "dropped": dict(sorted(funnel.dropped_by_reason.items())),
        "stops": stop_reasons(stops),
        **_given_up(stops),
        **_frontier(stops),
        "tokens_out": tokens or 0,
        "truncated": int(pc.sum(pc.equal(snapshot.completions["finish_reason"], "length")).as_py() or 0),
        "replies": _replies(snapshot),
    }


def _replies(snapshot: "Snapshot") -> dict[str, Any]:
    """Faults of the replies, and how many texts are different, over every completion."""
    with closing(instance()) as connection:
        connection.register("drawn", snapshot.completions.to_reader())
        return reply_counts(connection, "SELECT * FROM drawn")


def _given_up(stops: Sequence[StopRow]) -> dict[str, Any]:
    """Error counts of the rule that gave problems up; empty if no problem was given up."""
    rule = rule_error_counts((stop.problem_id, stop.reason) for stop in stops)
    return {"given_up": rule.row()} if rule.stopped or rule.continued else {}


def _frontier(stops: Sequence[StopRow]) -> dict[str, Any]:
    """Frontier level of a search over levels; every stop holds the same evidence."""
    evidence = next((stop.evidence for stop in stops if stop.reason == "frontier" and stop.evidence), None)
    return {} if evidence is None else {"frontier": json.loads(evidence)}


def rates(pool: Pool, *, prefix: int | None, limit: PassAtLimit, step: str | None = None) -> dict[str, Any]:
    """Pass rates with intervals, over all and by level; `prefix` None means every completion counts.

    `step`: the only step whose completions count, for steps are never pooled.
    """
    # "" is the name of the only step of a recipe that lists none.
    counts = counts_of(pool.measured(prefix, step or ""))
    return {
        "prefix": prefix,
        **({} if step is None else {"step": step}),
        "estimand": estimand_of(counts),
        "pass_at_limit": limit.row(),
        "overall": rate_row(counts, limit.most),
        "levels": {
            str(level): rate_row(members, limit.most) | {"kept": int(members.kept.sum())}
            for level, members in counts.by("level")
            if level is not None
        },
    }


def step_rates(pool: Pool, *, prefix: int | None, step: str, limit: PassAtLimit) -> dict[str, Any]:
    """Rates of one step over the problems that were routed to it."""
    counts = _with_rollouts(counts_of(pool.measured(prefix, step)))
    return {
        "prefix": prefix,
        **rate_row(counts, limit.most),
        "estimand": f"mean pass rate of the problems routed to step {step}",
    }


def model_rates(every: Pool, limit: PassAtLimit, step: str | None) -> dict[str, Any]:
    """Rates of each model's rollouts on a step over the problems it answered; nothing if there is one model."""
    pool = every.where(every.step == every.steps.index(step)) if step in every.steps and step else every
    if len(np.unique(pool.model)) <= 1:
        return {}
    rows = {}
    # -1 is a rollout whose completion names no model.
    for name in sorted(pool.models[place] for place in np.unique(pool.model) if place >= 0):
        mine = pool.where(pool.model == pool.models.index(name)).measured(None)
        kept = int((mine.kept == 1).sum())
        rows[name] = {**rate_row(_with_rollouts(counts_of(mine)), limit.most), "rollouts": len(mine), "kept": kept}
    return {"models": rows}


def stopped_rates(pool: Pool, spec: "RunSpec") -> dict[str, Any]:
    """{"path_counting": rates by level and over all} for a budget that allows it; nothing for any other.

    Where the accepting policy is not the one that the budget counted by, nothing is shown.
    """
    # Path counting uses the stopping rule, and the rule was applied to the outcomes of the planning policy.
    if spec.budget.estimator != "path_counting" or spec.takes_imports or len(spec.policies()) > 1:
        return {}
    return {"path_counting": path_counted(counts_of(pool.measured(None)), cast(StoppingBudget, spec.budget))}


def cost_row(snapshot: "Snapshot", kept: int) -> dict[str, Any]:
    """Tokens in and out of every completion of the plan, reused ones included. `uncounted`: those without counts, taken as
    0.

    No money and no time: those depend on a profile and a machine, and a version must not.
    """
    columns = [snapshot.completions[name] for name in ("tokens_in", "tokens_out")]
    tokens_in, tokens_out = (pc.sum(column).as_py() or 0 for column in columns)
    return {
        "completions": snapshot.completions.num_rows,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "uncounted": int(pc.sum(pc.or_(*(pc.is_null(column) for column in columns))).as_py() or 0),
        "kept": kept,
        "tokens_per_kept": (tokens_in + tokens_out) / kept if kept else None,
    }


def _with_rollouts(counts: Counts) -> Counts:
    """The problems with a measured rollout."""
    return counts.where(counts.judged + counts.undecided > 0)
