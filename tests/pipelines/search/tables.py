"""An enumerable world: the 81 answers of four marks out of three, with the probability of each mark and the worth of each
answer, and trees that policies grow in it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from random import Random

from rollmill.pipelines.search.kernel import wave_of
from rollmill.pipelines.search.tree import SearchPolicy, Tree, TreeNode

DEPTH, MARKS = 4, "012"
ANSWERS = ["".join(marks) for marks in product(MARKS, repeat=DEPTH)]


@cache
def chances(before: str) -> list[float]:
    """The probabilities of the three marks after a text: each text has its own."""
    weights = [Random(f"p{before}{mark}").random() + 0.2 for mark in MARKS]
    return [weight / sum(weights) for weight in weights]


@cache
def right(text: str) -> float:
    """1 for the eleven right answers, which are anywhere, and 0 for the others."""
    return float(Random(f"o{text}").random() < 0.1)


def probability(text: str) -> float:
    """The probability with which a text is drawn."""
    return math.prod(chances(text[:at])[int(mark)] for at, mark in enumerate(text))


def tilted(worth: Callable[[str], float], tau: float) -> dict[str, float]:
    """p(x) exp(worth(x) / tau) / Z of each answer."""
    weights = {text: probability(text) * math.exp(worth(text) / tau) for text in ANSWERS}
    return {text: weight / sum(weights.values()) for text, weight in weights.items()}


@cache
def soft_value(before: str, worth: Callable[[str], float], tau: float) -> float:
    """tau * log E exp(worth / tau) over the answers that begin with a text, by enumeration."""
    if len(before) == DEPTH:
        return worth(before)
    after = zip(chances(before), MARKS, strict=True)
    return tau * math.log(sum(chance * math.exp(soft_value(before + mark, worth, tau) / tau) for chance, mark in after))


def distance(first: dict[str, float], second: dict[str, float]) -> float:
    """Total variation."""
    return sum(abs(first.get(text, 0.0) - second[text]) for text in ANSWERS) / 2


@dataclass
class TableTree:
    """A tree that grows in memory. `score`: of a text; `silent`: the engine gives no log-probabilities."""

    score: Callable[[str], float]
    silent: bool = False
    texts: dict[str, str] = field(default_factory=lambda: {"": ""})

    def grown(self, policy: SearchPolicy, seed: int = 0) -> Tree:
        """The tree when the policy asks for nothing more; texts are drawn by the seed."""
        rng, nodes, logprobs = Random(seed), list[TreeNode](), {"": 0.0}
        while growths := wave_of(policy, tree := Tree("table", tuple(nodes), seed)):
            for growth in growths:
                before, wave = self.texts[growth.node], len(tree.waves)
                likely = chances(before)
                for mark in rng.choices(MARKS, likely, k=growth.count):
                    cid, text = f"{seed}-{len(nodes):06}", before + mark
                    self.texts[cid] = text
                    logprobs[cid] = logprobs[growth.node] + math.log(likely[int(mark)])
                    depth, known = len(text), None if self.silent else logprobs[cid]
                    finished, score = depth == DEPTH, self.score(text)
                    nodes.append(
                        TreeNode(cid, growth.node, depth, wave, finished, score, 1, depth, known, mark, piece=mark)
                    )
        return tree

    def shares(self, policy: SearchPolicy, tree: Tree) -> dict[str, float]:
        """The votes of each answer, as shares."""
        votes = policy.votes(tree)
        shares = dict.fromkeys(ANSWERS, 0.0)
        for node, weight in votes.items():
            shares[self.texts[node]] += weight / math.fsum(votes.values())
        return shares
