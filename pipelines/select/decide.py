"""Shared part of selectors: a decision for each rollout, with a reason."""

from collections.abc import Iterator, Mapping, Sequence

from rollmill.ground.records import Decision, Rollout

REASONS = (
    "kept",
    "over_quota",
    "duplicate_solution",
    "near_duplicate",
    "not_elected",
    "other_step",
    "outside_rates",
    "judged_wrong",
    "not_certified",
    "truncated",
    "incorrect",
    "unparsed",
    "undecided",
)


def in_sample_order(rollouts: Sequence[Rollout]) -> list[Rollout]:
    """Step by step as the recipe lists them, then by sample index, ties by id: no order in which rows were read matters."""
    return sorted(rollouts, key=lambda r: (r.place, r.completion.sample_index, r.completion.id))


def failing_reason(rollout: Rollout) -> str | None:
    """Reason why no selector can keep a rollout, or None. Truncation is a flag: it drops rollouts that are otherwise
    correct.
    """
    if rollout.verdict.outcome != "correct":
        return rollout.verdict.outcome
    return "truncated" if rollout.completion.finish_reason == "length" else None


def decision(run: str, rollout: Rollout, selector: tuple[str, str], reason: str) -> Decision:
    """The decision on one rollout; `kept` exactly when the reason says so. `selector` is (name, version)."""
    verdict = rollout.verdict
    return Decision(
        run=run,
        problem_id=rollout.problem.id,
        completion_id=rollout.completion.id,
        selector=selector[0],
        version=selector[1],
        kept=reason == "kept",
        reason=reason,
        outcome=verdict.outcome,
        verifier=verdict.verifier,
        verifier_version=verdict.version,
        step=rollout.step,
    )


def decisions(
    run: str, rollouts: Sequence[Rollout], selector: tuple[str, str], reasons: Mapping[str, str]
) -> Iterator[Decision]:
    """Yield a decision for each rollout of one problem, in input order; `reasons` by completion id.

    Raises ValueError for rollouts of several problems or one completion twice, as that is our bug.
    """
    if len({rollout.problem.id for rollout in rollouts}) > 1:
        raise ValueError("a selector got rollouts of several problems at once")
    if len(reasons) != len(rollouts):
        raise ValueError("a selector got one completion twice")
    for rollout in rollouts:
        yield decision(run, rollout, selector, reasons[rollout.completion.id])
