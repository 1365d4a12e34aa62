"""Chains of two against their parts with the shipped model: the gap, and how much of it is distraction.

    python benchmarks/engines/composition.py --template basket --pairs 200 --samples 8
    python benchmarks/engines/composition.py --pairs 200 --samples 8              # all templates

S1 and S2 are the pass rates of the parts, S1 x S2 what independent hops would give. Intervals are over
chains. Draws with the engine alone; stores nothing.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.engines.asking import requests_of
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.synthesize.derived.composed import Composed
from rollmill.pipelines.synthesize.sources import Source
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.stats import Estimate, cluster_share, population_mean

ROLES = ("parts", "composed", "told", "control")
NAMES = ("S1", "S2", "composed", "S2 with a letter, told", "control: told, behind the first problem")


def main() -> None:
    """Print the rates of parts, chains and controls, and the gap."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--template")
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    templates = None if given.template is None else [given.template]
    maker = Templates(levels=given.levels, templates=templates, split="heldout")
    problems = tuple(sorted(maker.synthesize(3 * given.pairs, given.seed), key=lambda problem: problem.id))
    chains = Composed(roles=ROLES, source=Source("templates", "", problems))
    composed = list(chains.synthesize(5 * given.pairs, given.seed))
    groups = [composed[start : start + 5] for start in range(0, len(composed), 5)]
    rates = pass_rates(composed, given.samples)
    print(f"{len(groups)} chains, {given.samples} completions a problem")
    for place, name in enumerate(NAMES):
        row(name, population_mean([rates[group[place].id] for group in groups], estimand=name))
    products = [rates[first.id] * rates[second.id] for first, second, *_ in groups]
    row("S1 x S2", population_mean(products, estimand="S1 x S2"))
    lost = [product * (1 - rates[group[2].id]) for product, group in zip(products, groups, strict=True)]
    row("gap (wrong though all parts are right)", cluster_share(lost, products, estimand="gap"))


def pass_rates(problems: Sequence[Problem], samples: int) -> dict[str, float]:
    """The share of right completions of each problem, drawn once for equal prompts."""
    engine, verifier = Embedded(), NumberVerifier()
    by_id = {problem.id: problem for problem in problems}
    owners = [problem for problem in by_id.values() for _ in range(samples)]
    requests = requests_of(engine, by_id.values(), samples, Sampling(max_tokens=200), stream="evaluate")
    different = {request.completion_id: request for request in requests}
    completions = {completion.id: completion for completion in engine.generate(list(different.values()))}
    right: dict[str, list[bool]] = defaultdict(list)
    for owner, request in zip(owners, requests, strict=True):
        right[owner.id].append(verifier.verify(owner, completions[request.completion_id]).outcome == "correct")
    engine.close()
    return {owner: math.fsum(marks) / len(marks) for owner, marks in right.items()}


def row(name: str, found: Estimate | None) -> None:
    """Print value, interval and n in a line."""
    assert found is not None
    print(f"{name:40} {found.value:.4f} [{found.low:.4f}, {found.high:.4f}] n={found.n}")


if __name__ == "__main__":
    main()
