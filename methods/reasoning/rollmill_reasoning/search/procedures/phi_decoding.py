"""Search policy `phi_decoding`: beams that choose steps by foresight (Xu et al. 2025, arXiv:2503.13288).

Each of `beams` answers draws `expand` steps. Steps whose confidence, their mean log-probability per token, is below mean -
standard deviation are dropped. Each other step is completed once; this is its foresight path. F is the path's mean
log-probability per token, the advantage A is F less that of the beam that the step continues, and the alignment C the share
of paths that lie in the same cluster (TF-IDF, k-means). `beams` steps are drawn without replacement by exp(R / tau), R =
softmax(A / tau_advantage) + softmax(C / tau_alignment). After `least_steps`, when the largest cluster has a share of
`agreement`, foresight ends and the beams are completed as they are.

The released code differs: an advantage temperature of .1 and `agreement` .69.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

from rollmill.methods import (
    ROOT,
    Growth,
    SetupError,
    Tree,
    TreeNode,
    checked_choice,
    checked_count,
    checked_positive,
    checked_share,
    k_means,
    softmax,
    text_vectors,
)
from rollmill_reasoning.search.procedures.replayed import PastWaves, Procedure, growths_after, votes_after

DIMS = 64  # of the vectors of paths
_SAME = 1e-9  # differences of log-probabilities below it are rounding


@dataclass(frozen=True, slots=True)
class PhiDecoding:
    """Every finished beam has a vote of 1. A beam that ends leaves its place empty."""

    name = "phi_decoding"
    version = "1"
    beams: int = 4
    """Answers that are continued side by side."""
    expand: int = 4
    """Steps drawn from each."""
    clusters: int = 3
    """Most clusters of foresight paths."""
    least_steps: int = 4
    """Fewest steps with foresight; afterwards agreement may end foresight."""
    most_steps: int = 8
    """Most steps with foresight."""
    ahead: int = 16
    """Most pieces of a foresight path; published: to the end of the answer."""
    agreement: float = 0.7
    """Share of the largest cluster that ends foresight."""
    tau_advantage: float = 0.6
    """Temperature of the advantages."""
    tau_alignment: float = 0.6
    """Temperature of the alignments."""
    tau: float = 0.6
    """Temperature of the choice."""
    choose_by: str = "both"
    """Parts of R: `both`, `advantage` or `alignment` alone, or `confidence`, the step's own, without foresight."""
    prune: bool = True
    """Drop steps of low confidence, and end foresight at agreement."""

    def __post_init__(self) -> None:
        for option in ("beams", "expand", "clusters", "least_steps", "ahead"):
            checked_count("search policy", self.name, option, getattr(self, option))
        checked_count("search policy", self.name, "most_steps", self.most_steps, least=self.least_steps)
        for option in ("tau_advantage", "tau_alignment", "tau"):
            checked_positive("search policy", self.name, option, getattr(self, option))
        checked_share("search policy", self.name, "agreement", self.agreement)
        checked_choice("search policy", self.name, "choose_by", self.choose_by, REWARDS)

    def grow(self, tree: Tree) -> Sequence[Growth]:
        """Steps of the beams, a piece of each foresight path, or a piece of each answer that is completed."""
        return growths_after(self, tree)

    def votes(self, tree: Tree) -> Mapping[str, float]:
        """Votes of 1 for the end of each beam."""
        return votes_after(self, tree)

    def procedure(self, past: PastWaves) -> Procedure:
        """Steps with foresight, then the rest of each answer."""
        live, foreseen = [ROOT], {ROOT: 0.0}
        for step in range(1, self.most_steps + 1):
            yield [Growth(node, self.expand * (self.beams if node == ROOT else 1)) for node in live]
            steps = self._confident(past, past.new)
            ends, looks = {node.id: node for node in steps}, 0 if self.choose_by == "confidence" else self.ahead
            for _ in range(looks):
                if not (under_way := [end for end in ends.values() if not end.finished]):
                    break
                yield [Growth(end.id, 1) for end in under_way]
                reached = {node.parent: node for node in past.new}
                # A path that has ended keeps its end while the others grow.
                ends = {first: reached.get(end.id, end) for first, end in ends.items()}
            paths = [_path_text(past, node, ends[node.id]) for node in steps]
            groups = cluster_sizes(paths, self.clusters)
            scores = [_mean_log_prob(past, node, ends[node.id]) for node in steps]
            gains = [score - (foreseen[node.parent] if looks else 0.0) for score, node in zip(scores, steps, strict=True)]
            shares = [size / len(steps) for size in groups]
            # Each vote is a beam that has ended.
            chosen = self._drawn(past, steps, self._rewards(gains, shares), self.beams - len(past.votes))
            past.votes.update((node.id, 1.0) for node in chosen if node.finished)
            live = [node.id for node in chosen if not node.finished]
            foreseen = {node.id: score for node, score in zip(steps, scores, strict=True)}
            if not live or (self.prune and step >= self.least_steps and max(shares) >= self.agreement):
                break
        while live:
            yield [Growth(node, 1) for node in live]
            past.votes.update((node.id, 1.0) for node in past.new if node.finished)
            live = [node.id for node in past.new if not node.finished]

    def _confident(self, past: PastWaves, steps: Sequence[TreeNode]) -> Sequence[TreeNode]:
        """The steps whose confidence is not below mean - standard deviation: pruning in width."""
        sure = [_mean_log_prob(past, node, node) for node in steps]
        least = fmean(sure) - pstdev(sure) - _SAME
        return [node for node, value in zip(steps, sure, strict=True) if value >= least or not self.prune]

    def _rewards(self, gains: Sequence[float], shares: Sequence[float]) -> Sequence[float]:
        advantages = softmax([gain / self.tau_advantage for gain in gains])
        alignments = softmax([share / self.tau_alignment for share in shares])
        if self.choose_by == "both":
            return [advantage + alignment for advantage, alignment in zip(advantages, alignments, strict=True)]
        return alignments if self.choose_by == "alignment" else advantages

    def _drawn(
        self, past: PastWaves, steps: Sequence[TreeNode], rewards: Sequence[float], count: int
    ) -> Sequence[TreeNode]:
        """`count` steps without replacement by exp(R / tau), the largest of R / tau + Gumbel noise; in their order."""
        chance = past.chance
        # The negative log of an exponential is Gumbel noise; a draw of exactly 0 has no logarithm.
        noisy = [reward / self.tau - math.log(chance.expovariate(1.0) or _SAME) for reward in rewards]
        places = sorted(range(len(steps)), key=lambda at: -noisy[at])[:count]
        return [steps[at] for at in sorted(places)]


REWARDS = ("both", "advantage", "alignment", "confidence")


def cluster_sizes(texts: Sequence[str], clusters: int) -> list[int]:
    """Size of each text's cluster, by k-means over TF-IDF vectors; equal texts are in one cluster."""
    # A fixed seed: the policy is a pure function of the tree, replayed at every wave.
    labels = k_means(text_vectors(texts, DIMS), clusters, 0)
    sizes = Counter(labels.tolist())
    return [sizes[label] for label in labels.tolist()]


def _mean_log_prob(past: PastWaves, first: TreeNode, last: TreeNode) -> float:
    """Mean log-probability per token of the pieces after `first` up to `last`; of `first` itself if both are the same."""
    if first.id == last.id:
        before, spent = (0.0, 0) if first.parent == ROOT else _sums(past.node(first.parent))
    else:
        before, spent = _sums(first)
    total, tokens = _sums(last)
    return (total - before) / max(1, tokens - spent)


def _sums(node: TreeNode) -> tuple[float, int]:
    if node.path_logprob is None:
        raise SetupError(
            "search policy 'phi_decoding': the engine gives no log-probabilities.", choices=("lookahead", "beam")
        )
    return node.path_logprob, node.path_tokens


def _path_text(past: PastWaves, first: TreeNode, last: TreeNode) -> str:
    """The text after a step to the end of its foresight path; for a finished step, the step."""
    return first.piece if first.id == last.id else past.text(last.id).removeprefix(past.text(first.id))
