"""Claims about budgets: how many completions each problem gets, replayed on recorded draws, at equal tokens."""

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from rollmill.methods import (
    STATES,
    Budget,
    Draw,
    Effect,
    Flags,
    Floats,
    Ints,
    NotTestable,
    SimulatedProblem,
    SimulatedSample,
    cluster_mean,
    cluster_ratio,
    path_counting_rate,
    path_counts,
    registry,
    run_budget,
    targets_from_fail_rates,
)
from rollmill_papers.claims.evidence import Evidence, Table

TARGET = 4
ORDERS = 20  # of each problem's completions, over which a stopping rule is averaged


def solutions_of(table: Table) -> Ints:
    """(P, n): the number of each completion's solution, equal for copies."""
    if table.solutions is None:
        raise NotTestable(f"pool {table.name} has no solution keys")
    return table.solutions[table.rows]


def drawn_by(budget: Budget, table: Table, solution: Ints) -> Ints:
    """(P,): how many completions of each problem a budget draws from what is recorded, in order of sample index.

    `solution` (P, n): numbers of the distinct solutions; a negative number means none.
    """
    subjects = [
        SimulatedProblem(f"{place:06}", level, None if cluster is None else str(cluster))
        for place, (level, cluster) in enumerate(zip(table.levels.tolist(), table.clusters, strict=True))
    ]
    outcome = table.pool.outcome[table.rows]

    def recorded(draw: Draw) -> list[SimulatedSample]:
        place, columns = int(draw.problem_id), range(draw.first_index, draw.first_index + draw.count)
        return [
            SimulatedSample(
                STATES[outcome[place, at]],
                None if solution[place, at] < 0 else int(solution[place, at]),
                int(table.tokens[place, at]),
            )
            for at in columns
        ]

    drawn = np.zeros(len(subjects), dtype=np.int64)
    for step in run_budget(budget, subjects, recorded):
        for draw in step.plan.draws:
            drawn[int(draw.problem_id)] += draw.count
    return drawn


def _distinct(table: Table, solution: Ints) -> Ints:
    """(P, n + 1): distinct correct solutions among the first m completions."""
    new = np.zeros(solution.shape, dtype=bool)
    for place, row in enumerate(np.where(table.right, solution, -1)):
        values, first = np.unique(row, return_index=True)
        new[place, first[values >= 0]] = True
    return np.concatenate([np.zeros((len(new), 1), dtype=np.int64), np.cumsum(new, axis=1)], axis=1)


def _hard(table: Table) -> Flags:
    """Problems of the two highest levels."""
    levels = np.unique(table.levels)
    if len(levels) < 4:
        raise NotTestable(f"pool {table.name} has {len(levels)} levels, 4 are needed")
    return np.asarray(table.levels >= levels[-2])


def _at_tokens(table: Table, curve: Floats, spent: float) -> Floats:
    """(P,): a quantity of the first m completions (P, n + 1), if all problems' first m together cost `spent` tokens.

    Between two m by a straight line, which is the mean over drawing one more completion of a random part of the problems.
    """
    cost = np.concatenate([[0.0], np.cumsum(table.tokens.sum(axis=0))])
    m = min(float(np.interp(spent, cost, np.arange(len(cost)))), table.n)
    low = int(m)
    high = min(low + 1, table.n)
    return np.asarray(curve[:, low] + (m - low) * (curve[:, high] - curve[:, low]), dtype=np.float64)


def _spent(table: Table, drawn: Ints) -> Ints:
    """(P,): tokens of the first `drawn` completions of each problem."""
    totals = np.concatenate([np.zeros((len(drawn), 1), dtype=np.int64), np.cumsum(table.tokens, axis=1)], axis=1)
    return np.asarray(np.take_along_axis(totals, drawn[:, None], axis=1)[:, 0], dtype=np.int64)


def _dars(table: Table, solution: Ints) -> Sequence[Effect]:
    """Uniform and prop2diff compared with vanilla: the same problems and tokens, every solution kept."""
    hard, initial = _hard(table), max(2, table.n // 8)
    distinct = _distinct(table, solution)
    uniform = drawn_by(registry("budget")["uniform"](initial=initial, target=TARGET, cap=table.n), table, solution)
    prop2diff = drawn_by(registry("budget")["prop2diff"](initial=initial, target=TARGET, cap=table.n), table, solution)
    tokens = [float(_spent(table, drawn).sum()) for drawn in (uniform, prop2diff)]
    full = np.take_along_axis(distinct, uniform[:, None], axis=1)[:, 0] >= TARGET
    vanilla_full = _at_tokens(table, (distinct >= TARGET).astype(float), tokens[0])
    kept = np.minimum(np.take_along_axis(distinct, prop2diff[:, None], axis=1)[:, 0], _targets(table, initial))
    vanilla_kept = _at_tokens(table, distinct.astype(float), tokens[1])
    clusters = [cluster for cluster, is_hard in zip(table.clusters, hard.tolist(), strict=True) if is_hard]
    covered = cluster_mean((full[hard] - vanilla_full[hard]).tolist(), clusters, estimand="hard problems with a full quota")
    share = float(kept[hard].sum() / kept.sum() - vanilla_kept[hard].sum() / vanilla_kept.sum())
    price = float(vanilla_kept.sum() / kept.sum()) - 1.0  # the tokens are the same
    return Effect.of(covered), Effect(share, len(hard)), Effect(price, len(hard))


def _targets(table: Table, initial: int) -> Ints:
    """(P,): target number of solutions of each problem under prop2diff, from its prefix."""
    failed = (~table.right[:, :initial]).sum(axis=1).tolist()
    targets = targets_from_fail_rates({f"{at:06}": Fraction(n, initial) for at, n in enumerate(failed)}, TARGET)
    return np.array([targets[f"{at:06}"] for at in range(len(failed))], dtype=np.int64)


def _dars_solutions(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("ladder")
    return _dars(table, solutions_of(table))


def _dars_responses(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("ladder")
    return _dars(table, table.rows)  # every completion is one of its own


def _until_correct(evidence: Evidence) -> Sequence[Effect]:
    """Every problem drawn until it has four correct completions, in random orders of the recorded ones."""
    table, rng = evidence.table("unseen"), evidence.rng(1)
    cap = table.n
    counts = path_counts(lambda drawn, correct: int(correct < TARGET and drawn < cap), cap=cap)
    naive, counted, drawn, correct = (np.zeros((ORDERS, len(table.right))) for _ in range(4))
    for turn in range(ORDERS):
        ordered = rng.permuted(table.right, axis=1)
        for place, correct_so_far in enumerate(np.cumsum(ordered, axis=1)):
            size = int(np.searchsorted(correct_so_far, TARGET)) + 1 if correct_so_far[-1] >= TARGET else cap
            rate = path_counting_rate(size, int(correct_so_far[size - 1]), counts)
            assert rate is not None  # the rule stops there
            naive[turn, place], counted[turn, place] = correct_so_far[size - 1] / size, rate
            drawn[turn, place], correct[turn, place] = size, correct_so_far[size - 1]
    truth = table.pass_at(1)
    pooled = [float(correct.sum() / drawn.sum())] * len(truth)
    return tuple(table.difference(truth, values) for values in (naive.mean(axis=0), counted.mean(axis=0), pooled))


def _price(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("ladder")
    hard, spent = _hard(table), table.tokens.sum(axis=1)
    easy = table.levels <= np.unique(table.levels)[1]
    prices = [
        cluster_ratio(spent[kind].tolist(), table.correct[kind].tolist(), estimand="tokens per correct completion")
        for kind in (hard, easy)
    ]
    if prices[0] is None or prices[1] is None:
        raise NotTestable("no completion of one of the levels is correct")
    length = float(table.tokens[hard].mean() / table.tokens[easy].mean())
    ratio = prices[0].value / prices[1].value
    return Effect(ratio - 1.0, len(hard)), Effect(ratio / length - 1.0, len(hard))


MEASURES = {
    "dars-hard-coverage": _dars_solutions,
    "dars-hard-responses": _dars_responses,
    "until-correct-bias": _until_correct,
    "tokens-per-correct": _price,
}
