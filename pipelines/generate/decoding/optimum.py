"""The largest acceptance that any rule can have for a draft sampler, as a minimal cut and as a linear programme.

Sun et al. 2023 (SpecTr, arXiv:2310.15141) state the transport problem; Hu et al. 2025 (Towards optimal multi-draft
speculative decoding, arXiv:2502.18779) its dual: the minimum over token sets T of p(T) + 1 - P(all drafts in T).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats

MOST_TOKENS = 14
"""Vocabulary up to which all sets of tokens are gone through."""


@dataclass(frozen=True, slots=True)
class TransportPlan:
    """Optimal transport plan. `accepted`: its probability of acceptance. `shares`: probability mass on each token, for each
    set of drafts. `chances`: probability of each set of drafts.
    """

    accepted: float
    shares: dict[frozenset[int], Floats]
    chances: dict[frozenset[int], float]

    def selection(self, drafts: frozenset[int]) -> Floats:
        """Distribution of the selected draft; mass that the plan leaves goes to the drafts in equal parts."""
        share = np.maximum(self.shares[drafts] / self.chances[drafts], 0.0)
        rest = max(0.0, 1.0 - float(share.sum()))
        share[list(drafts)] += rest / len(drafts)
        return np.asarray(share / share.sum())


def optimal_acceptance(p: Floats, q: Floats, drafts: int, *, replacement: bool = True) -> float:
    """The optimum, by the minimal cut.

    With replacement the best T holds the tokens with the smallest p / q, so that any vocabulary will do; without, every
    set is tried, up to 14 tokens.
    """
    if replacement:
        order = np.argsort(np.where(q > 0, p / np.where(q > 0, q, 1.0), np.inf), kind="stable")
        inside_p = np.concatenate([[0.0], np.cumsum(p[order])])
        inside_q = np.minimum(np.concatenate([[0.0], np.cumsum(q[order])]), 1.0)
        return float((inside_p + 1.0 - inside_q**drafts).min())
    chances = set_chances(q, drafts, replacement=False)
    best = 1.0
    for size in range(len(p) + 1):
        for chosen in combinations(range(len(p)), size):
            inside = set(chosen)
            all_in = sum(chance for tokens, chance in chances.items() if tokens <= inside)
            best = min(best, float(p[list(chosen)].sum()) + 1.0 - all_in)
    return best


def transport_plan(p: Floats, q: Floats, drafts: int, *, replacement: bool = True) -> TransportPlan:
    """The plan of the linear programme over sets of drafts (scipy, HiGHS)."""
    return _plan(tuple(p.tolist()), tuple(q.tolist()), drafts, replacement)


@lru_cache(maxsize=64)
def _plan(p: tuple[float, ...], q: tuple[float, ...], drafts: int, replacement: bool) -> TransportPlan:
    from scipy.optimize import linprog
    from scipy.sparse import coo_matrix

    chances = set_chances(np.asarray(q), drafts, replacement=replacement)
    sets = list(chances)
    pairs = [(place, token) for place, tokens in enumerate(sets) for token in sorted(tokens)]
    columns = np.arange(len(pairs))
    # A row for each set, whose mass is its chance at most, and a row for each token, whose mass is p at most.
    rows = np.concatenate([[place for place, _ in pairs], [len(sets) + token for _, token in pairs]])
    limits = coo_matrix((np.ones(2 * len(pairs)), (rows, np.tile(columns, 2))), shape=(len(sets) + len(p), len(pairs)))
    solved = linprog(-np.ones(len(pairs)), A_ub=limits.tocsr(), b_ub=[*chances.values(), *p], method="highs")
    shares = {tokens: np.zeros(len(p)) for tokens in sets}
    for (place, token), mass in zip(pairs, solved.x.tolist(), strict=True):
        shares[sets[place]][token] = mass
    return TransportPlan(float(-solved.fun), shares, chances)


def set_chances(q: Floats, drafts: int, *, replacement: bool) -> dict[frozenset[int], float]:
    """The probability of each set of drafted tokens."""
    if len(q) > MOST_TOKENS:
        raise SetupError(f"{len(q)} tokens are over {MOST_TOKENS}: their sets of drafts are too many.")
    known: dict[frozenset[int], float] = {frozenset(): 1.0}
    possible = np.flatnonzero(q > 0).tolist()
    for _ in range(drafts):
        longer: dict[frozenset[int], float] = {}
        for tokens, chance in known.items():
            # Not 1 less those drawn: beside a token of nearly all the mass that is 0 where others are left.
            left = 1.0 if replacement else sum(float(q[token]) for token in possible if token not in tokens)
            for token in possible:
                if replacement or token not in tokens:
                    grown = tokens | {token}
                    longer[grown] = longer.get(grown, 0.0) + chance * float(q[token]) / left
        known = longer
    return known
