"""Formal proofs per second: the warm Coq driver, the search, the gate in the sandbox, and lemmas of Coq's own library.

    python benchmarks/verifiers/proofs.py                  # everything on two processes
    python benchmarks/verifiers/proofs.py --lemmas 300     # and so many library lemmas with their own proofs

Warm: reference proofs of generated goals, one tactic line each, with the start of the goal. Screen: false twins with the
proofs of their originals, all rejected. Trials: tactics of a search on these goals, most of them rejected. Gate: the same
proofs through the verifier `proof`, together and one by one. Coqc: the plain compiler on the same files, which is no gate.
Rates are by the clock and by processor seconds, as other work takes the clock on a shared machine; ratios are of the rates
by processor seconds.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.timing import cpu_seconds
from rollmill.ground.records import Completion, Problem
from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.coq.coqtop import FailedTactic
from rollmill_proofs.coq.installation import Installation, installation
from rollmill_proofs.coq.screen import Screen
from rollmill_proofs.coq_library import CoqLibrary
from rollmill_proofs.goal import Goal, goal_of
from rollmill_proofs.goals import UNPROVABLE, Goals
from rollmill_proofs.plain_script import plain_script
from rollmill_proofs.proof import ProofVerifier
from rollmill_proofs.proof_search import best_first
from rollmill_proofs.tactics import EnumeratedTactics

Item = tuple[Goal, str]


def rates(work: Callable[[], int]) -> dict[str, float]:
    """Rate of some work that returns its count."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    count = work()
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    return {"n": count, "a second": round(count / wall, 1), "a CPU second": round(count / cpu, 1)}


def warm(items: Sequence[Item], pools: Sequence[CoqPool]) -> int:
    """Proofs in warm processes, one pool a thread; every one must succeed."""

    def share(pool: CoqPool, part: Sequence[Item]) -> int:
        proved = 0
        for goal, script in part:
            state = pool.start(goal)
            assert not isinstance(state, FailedTactic), state
            results = list(pool.try_all(state, [script.rstrip(".")]))
            proved += not isinstance(results[0], FailedTactic) and results[0].done
        return proved

    with ThreadPoolExecutor(len(pools)) as threads:
        parts = [items[start :: len(pools)] for start in range(len(pools))]
        total = sum(threads.map(share, pools, parts))
    assert total == len(items)
    return total


def screened(items: Sequence[Item], screen: Screen) -> int:
    """Rejections of scripts by a screen; every one must be rejected."""
    for goal, script in items:
        sentences = plain_script(script)
        assert sentences is not None
        assert screen.rejection(goal, sentences) is not None, (goal, script)
    return len(items)


def plain_coqc(items: Sequence[Item], coq: Installation) -> int:
    """Files through `coqc`, without a sandbox and without a gate."""
    with TemporaryDirectory() as folder:
        for goal, script in items:
            place = Path(folder, "F.v")
            place.write_text(f"{goal.imports}\n{goal.context}\nTheorem t : {goal.statement}.\nProof.\n{script}\nQed.\n")
            subprocess.run([coq.compiler, "-q", "F.v"], cwd=folder, check=True)
    return len(items)


def gate(items: Sequence[Item], verifier: ProofVerifier) -> list[str]:
    """Outcomes of proofs through the verifier."""
    pairs = []
    for goal, script in items:
        said = Completion("c", "p", "benchmark", "m", "", "curate", 0, None, f"```coq\n{script}\n```", "stop")
        pairs.append((Problem("Prove it.", "", "proof", (goal.test(),)), said))
    return [verdict.outcome for verdict in verifier.verify_many(pairs)]


def library(count: int, verifier: ProofVerifier) -> dict[str, Any]:
    """Lemmas of the standard library by their own proofs: number, accepted, those that are not."""
    problems = sorted(CoqLibrary().synthesize(count, 1), key=lambda problem: problem.template or "")
    outcomes = gate([(goal_of(problem), problem.reference) for problem in problems], verifier)
    refused = [problem.meta["lemma"] for problem, outcome in zip(problems, outcomes, strict=True) if outcome != "correct"]
    return {"n": len(problems), "accepted": outcomes.count("correct"), "refused": refused}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--proofs", type=int, default=400)
    parser.add_argument("--gate", type=int, default=100, help="proofs through the gate and through coqc")
    parser.add_argument("--lemmas", type=int, default=0)
    options = parser.parse_args()
    problems = list(Goals().synthesize(2 * options.proofs, 11))
    items = [(goal_of(problem), problem.reference) for problem in problems if problem.reference != UNPROVABLE]
    false = [(goal_of(twin), true.reference) for true, twin in zip(problems[::2], problems[1::2], strict=True)]
    some = items[: options.gate]
    coq = installation()
    results: dict[str, Any] = {"coq": coq.version, "coqc": rates(lambda: plain_coqc(some, coq))}
    pools = [CoqPool() for _ in range(options.processes)]
    warm(items[:: max(1, len(items) // 20)], pools)  # starts the processes
    results["warm"] = rates(lambda: warm(items, pools))
    screen = Screen(coq, 30.0)
    screened(false[:5], screen)  # starts its processes
    results["screen, one process"] = rates(lambda: screened(false, screen))
    screen.close()

    def searched() -> int:
        source = EnumeratedTactics()
        return sum(best_first(pools[0], goal_of(problem), source, trials=40).trials for problem in problems[:100])

    results["trials, one process"] = rates(searched)
    for pool in pools:
        pool.close()
    with ProofVerifier(workers=options.processes) as verifier:
        results["gate"] = rates(lambda: gate(some, verifier).count("correct"))
        results["gate, one by one"] = rates(lambda: sum(gate([item], verifier) == ["correct"] for item in some[:20]))
        for name in [name for name in results if name not in ("coq", "coqc")]:
            results[name]["to coqc"] = round(results[name]["a CPU second"] / results["coqc"]["a CPU second"], 2)
        if options.lemmas:
            results["library"] = library(options.lemmas, verifier)
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
