"""Claims about votes that stop early (ModelSwitch, early-stopping self-consistency), and about votes of several models."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rollmill.methods import Ballot, Effect, Floats, Ints, paired_difference, pass_at_k, population_mean, right_at
from rollmill_papers.claims.evidence import Evidence, Table, aggregator, model_ballots

MODELS = ("MathCoder-L-7b", "MathCoder-CL-7b", "MathCoder-L-13b", "MathCoder-CL-13b", "MathCoder-L-70b")
"""All models of the recorded pool that answered the same problems."""


def _both(evidence: Evidence) -> tuple[Table, int, list[tuple[Ballot, Ints]]]:
    """The second sampling, half of the completions that each gives, and the ballots of both samplings."""
    cool, warm = evidence.table("pair-cool"), evidence.table("pair")
    half = min(cool.n, warm.n) // 2
    places = {ballot.problem: ballot for ballot in cool.ballots}
    return warm, half, [_joined(places[ballot.problem], ballot, half) for ballot in warm.ballots]


def _switch(evidence: Evidence) -> Sequence[Effect]:
    warm, half, joined = _both(evidence)
    switched, used = _stopped(joined)
    saved = population_mean((1.0 - used / (2 * half)).tolist(), warm.clusters, estimand="share of completions saved")
    return Effect.of(saved), warm.difference(warm.elected(aggregator("majority"), 2 * half), switched)


def _switch_is_the_vote(evidence: Evidence) -> Sequence[Effect]:
    warm, _, joined = _both(evidence)
    return (warm.difference(_votes(joined), _stopped(joined)[0]),)


def _joined(first: Ballot, second: Ballot, half: int) -> tuple[Ballot, Ints]:
    """The first `half` completions of both as one ballot, and the place of the sampling that gave each."""
    keys = tuple(dict.fromkeys([*first.pool.answers, *second.pool.answers]))
    at = {key: place for place, key in enumerate(keys)}
    right, answers = np.zeros(len(keys), dtype=bool), []
    for ballot in (first, second):
        for key, good in zip(ballot.pool.answers, ballot.right.tolist(), strict=True):
            right[at[key]] |= good
        answers += [at[ballot.pool.answers[place]] if place >= 0 else -1 for place in ballot.pool.answer[0, :half].tolist()]
    pool = replace(
        first.pool,
        answers=keys,
        answer=np.array([answers]),
        drawn=np.ones((1, 2 * half), dtype=bool),
        member=np.arange(2 * half)[None, :],
        model=np.repeat([0, 1], half)[None, :],
        tokens=np.full((1, 2 * half), -1),
        scores={},
    )
    return replace(second, pool=pool, right=right, open=np.zeros(len(keys), dtype=bool)), pool.model[0]


def _windows(table: Table, size: int) -> list[tuple[Ballot, Ints]]:
    """Each ballot with its completions in windows of `size`, which ModelSwitch then asks one after the other."""
    window = np.arange(table.n) // size
    return [
        (replace(ballot, pool=replace(ballot.pool, model=np.broadcast_to(window, ballot.pool.answer.shape))), window)
        for ballot in table.ballots
    ]


def _stopped(items: Sequence[tuple[Ballot, Ints]]) -> tuple[Floats, Floats]:
    """(P,) the chance to be right and (P,) the completions drawn, if a unanimous turn ends the drawing."""
    right, used = [], []
    for ballot, _ in items:
        election = aggregator("model_switch").elect(ballot.pool)
        assert election.used is not None
        right.append(float(right_at(election.strength, ballot.right, 1)[0]))
        used.append(float(election.used.sum()))
    return np.array(right), np.array(used)


def _votes(items: Sequence[tuple[Ballot, Ints]]) -> Floats:
    """(P,) the chance that the plain vote is right, ties to the earlier turn, as ModelSwitch breaks them."""
    values = []
    for ballot, turn in items:
        counts = aggregator("majority").elect(ballot.pool).strength
        first = ballot.pool.total((turn == turn.min())[None, :].astype(float))
        # Counts are whole, so a millionth of a vote decides ties and nothing else.
        values.append(float(right_at(np.where(counts > -np.inf, counts + first / 1e6, counts), ballot.right, 1)[0]))
    return np.array(values)


def _early(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("ladder")
    items = _windows(table, max(4, table.n // 8))
    right, used = _stopped(items)
    saved = population_mean((1.0 - used / table.n).tolist(), table.clusters, estimand="share of completions saved")
    return Effect.of(saved), table.difference(table.elected(aggregator("majority"), table.n), right)


def _several(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("mathcoder")
    items = model_ballots(table.pool, MODELS)
    vote = [float(right_at(aggregator("majority").elect(ballot.pool).strength, ballot.right, 1)[0]) for ballot in items]
    singles = [pass_at_k(ballot.size, ballot.correct, 1) or 0.0 for ballot in items]
    clusters = [ballot.cluster for ballot in items]
    return (Effect.of(paired_difference(singles, vote, clusters)),)


MEASURES = {
    "model-switch": _switch,
    "switch-is-the-vote": _switch_is_the_vote,
    "early-stopping": _early,
    "models-vote": _several,
}
