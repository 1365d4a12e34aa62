"""Expert iteration of a prover: search, verify, learn the order of tactics, search again; held-out goals after each round.

    python benchmarks/verifiers/expert_iteration.py                     # 3 rounds of 40 goals, 100 held-out goals
    python benchmarks/verifiers/expert_iteration.py --least-trials 3    # learn only from proofs that took so many trials

The policy is the naive Bayes ranker of rollmill_proofs/ranker.py, not a language model. A round's goals are new; only
proofs that the verifier `proof` accepts are learned from. Held-out: the share proved within `--trials` tactics, with its
Jeffreys interval, and its difference to round 0, whose order is random, with a paired bootstrap over goals. The control
searches as often with random orders of new seeds.
"""

import argparse
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.timing import cpu_seconds
from rollmill.ground.ids import digest128, seed_of
from rollmill.ground.records import Completion, Problem
from rollmill.stats.draws.pass_rates import pass_rate_interval
from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.goal import goal_of
from rollmill_proofs.goals import Goals
from rollmill_proofs.proof import ProofVerifier
from rollmill_proofs.proof_search import SearchResult, TacticSource, best_first
from rollmill_proofs.ranker import RankedTactics
from rollmill_proofs.tactics import EnumeratedTactics

Rows = list[dict[str, Any]]
_RESAMPLES = 2_000


def goals(count: int, seed: int) -> list[Problem]:
    """True goals of all levels."""
    return list(Goals(twins="none").synthesize(count, seed))


def searched(pool: CoqPool, problems: Sequence[Problem], rows: Rows, trials: int, seed: int) -> list[SearchResult]:
    """A search for each goal, in the order that was learned from the rows; without rows in an order of its own."""
    results = []
    for problem in problems:
        own = seed_of(digest128([seed, problem.id]))
        source: TacticSource = EnumeratedTactics(seed=own)
        if rows:
            source = RankedTactics(rows, source, own)
        results.append(best_first(pool, goal_of(problem), source, trials=trials))
    return results


def learned(
    verifier: ProofVerifier, problems: Sequence[Problem], results: Sequence[SearchResult], least_trials: int
) -> Rows:
    """Rows of the accepted proofs that took at least so many trials."""
    found = [pair for pair in zip(problems, results, strict=True) if pair[1].script is not None]
    pairs = [
        (problem, Completion("c", "p", "benchmark", "m", "", "curate", 0, None, result.script or "", "stop"))
        for problem, result in found
    ]
    outcomes = [verdict.outcome for verdict in verifier.verify_many(pairs)]
    return [
        {
            "goals": step.goals,
            "tactic": step.tactic,
            "rejected": [tactic for tactic, _ in step.rejected],
            "others": list(step.others),
        }
        for (_, result), outcome in zip(found, outcomes, strict=True)
        if outcome == "correct" and result.trials >= least_trials
        for step in result.steps
    ]


def proved(results: Sequence[SearchResult]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which goals were proved."""
    return np.array([result.script is not None for result in results])


def row_of(results: Sequence[SearchResult], first: Sequence[SearchResult]) -> dict[str, Any]:
    """Share proved with its interval, the gain over round 0 with its interval, and the mean number of trials."""
    now, before = proved(results), proved(first)
    share = pass_rate_interval(int(now.sum()), len(now))
    drawn = np.random.default_rng(0).integers(0, len(now), (_RESAMPLES, len(now)))
    gains = (now.astype(float) - before)[drawn].mean(axis=1)
    low, high = np.quantile(gains, (0.025, 0.975))
    assert share is not None
    return {
        "proved": [round(value, 3) for value in (share.value, share.low, share.high)],
        "gain": [round(float(value), 3) for value in (now.mean() - before.mean(), low, high)],
        "mean trials": round(float(np.mean([result.trials for result in results])), 2),
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    for name, default in (("rounds", 3), ("goals", 40), ("held-out", 100), ("trials", 6), ("least-trials", 0), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    held = goals(options.held_out, 1_000 + options.seed)
    known = {problem.id for problem in held}
    rows: Rows = []
    report: dict[str, Any] = {"held out": len(held), "trials": options.trials, "rounds": [], "control": []}
    pool, began = CoqPool(), cpu_seconds()
    with ProofVerifier(workers=1) as verifier:
        first = searched(pool, held, rows, options.trials, options.seed)
        for number in range(options.rounds + 1):
            now = searched(pool, held, rows, options.trials, options.seed)
            report["rounds"].append({"round": number, "rows": len(rows), **row_of(now, first)})
            control = searched(pool, held, [], options.trials, options.seed + number)
            report["control"].append({"round": number, **row_of(control, first)})
            if number < options.rounds:
                new = [
                    problem for problem in goals(options.goals, options.seed + 10 * (number + 1)) if problem.id not in known
                ]
                results = searched(pool, new, rows, options.trials, options.seed + number)
                rows += learned(verifier, new, results, options.least_trials)
        report["CPU seconds"] = round(cpu_seconds() - began, 1)
    pool.close()
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
