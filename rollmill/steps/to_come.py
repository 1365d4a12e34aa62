"""Forecast of follow-ups by simulation: it assumes that each step goes on to follow the same share of completions as it did
so far.

Completions are counted by kind (rollmill.steps.census), and counts are passed from step to step. For each kind,
the share that is followed is drawn for each problem from a Beta posterior. The prior is fitted over all problems, and its
mean is drawn too. Groups, `most`, `count` and `repeat` then follow the recipe. A share is certain if a condition depends on
a known outcome. With fewer than LEAST candidates of a kind there is no forecast.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rollmill.stats import BetaPrior, fit_prior
from rollmill.steps.census import Census, EqualDraws, ProblemCensus
from rollmill.steps.graph import Node, StepGraph
from rollmill.steps.step_template import OUTCOME

Counts = npt.NDArray[np.int64]
Share = npt.NDArray[np.float64]
LEAST = 8
Drawn = tuple[EqualDraws, bool | None]
Pool = Literal["alike", "any depth", "any answer"]
POOLS: tuple[Pool, ...] = ("alike", "any depth", "any answer")  # one after the other, until enough were seen


class TooLittleSeenError(Exception):
    """Too few completions of some kind were judged to predict how many are followed."""


@dataclass(frozen=True, slots=True)
class ShareLaw:
    """Posterior distribution of a share by problem: of the completions of a problem, those with some property, such as
    being followed.

    `hits`, `trials`: completions with the property, and all completions, by problem (problems,). `prior`: the beta prior
    fitted over the problems.
    """

    hits: Counts
    trials: Counts
    prior: BetaPrior

    @classmethod
    def of(cls, hits: Counts, trials: Counts) -> "ShareLaw":
        """The posterior after these counts, with the prior fitted over the problems."""
        return cls(hits, trials, fit_prior(hits.tolist(), trials.tolist()))

    def draw(self, rng: np.random.Generator, weights: Share) -> Share:
        """Draw the share of each problem from its posterior: (problems,). `weights`: weight of each problem in the mean of
        the prior, which is drawn first.
        """
        hit, missed = rng.gamma(0.5, size=2)  # for kinds of which all were followed, or none
        hits, trials = float(weights @ self.hits) + hit, float(weights @ self.trials) + hit + missed
        centre, strength = hits / trials, self.prior.a + self.prior.b
        a, b = strength * centre + self.hits, strength * (1 - centre) + self.trials - self.hits
        # Parameters must be above 0, and a drawn mean may round to 0 or 1.
        return np.asarray(rng.beta(np.maximum(a, 1e-9), np.maximum(b, 1e-9)), np.float64)


class FollowUpsToCome:
    """Simulates the follow-ups of these problems that are not judged yet. `begun`: False for a run that has drawn nothing
    yet; `census` is then that of another run.
    """

    def __init__(self, census: Census, problems: Sequence[str], *, begun: bool = True) -> None:
        self._graph, self._begun = census.graph, begun
        self._counts = [census.problems.get(problem) or ProblemCensus() for problem in problems]
        self._laws: dict[tuple[Pool, EqualDraws, str], ShareLaw | None] = {}
        # What another run has planned, this one does not draw.
        self.asked = self._columns(part.asked for part in self._counts) if begun else {}
        self._drawn = self._columns(part.drawn for part in self._counts)
        self._candidates = self._columns(part.candidates for part in self._counts)
        self._groups = self._columns(part.groups for part in self._counts)

    def simulate(self, rng: np.random.Generator, roots: Mapping[EqualDraws, Counts]) -> dict[str, Counts]:
        """Number of draws of each later step, by problem. Counted are the follow-ups of `roots` (root completions by kind,
        which includes the outcome), those of the planned round, and all that follow these.

        Raises TooLittleSeenError if too few completions were judged.
        """
        return self.simulate_rated(rng, roots)[0]

    def simulate_rated(
        self, rng: np.random.Generator, roots: Mapping[EqualDraws, Counts], rated: Collection[str] = ()
    ) -> tuple[dict[str, Counts], dict[str, Counts]]:
        """As `simulate`, and the number of correct answers among the draws: for the steps in `rated`, and for steps that
        other steps follow.
        """
        simulation = _Simulation(self, rng, rated)
        return simulation.run(roots), dict(simulation.right)

    def followed(self, node: Node, kind: EqualDraws) -> ShareLaw | float:
        """Share of the completions of this kind that the step may follow."""
        certain = _certain(self._graph, node, kind)
        if certain is not None and (not node.conditions or self._judged(kind.step) >= LEAST):
            return certain
        # Where a condition names an outcome, right and wrong answers are followed at different rates.
        pools = POOLS[:2] if any(condition.field == OUTCOME for condition in node.conditions) else POOLS
        laws = (self._law(pool, kind, node.step.name) for pool in pools)
        law = next((law for law in laws if law is not None), None)
        return law or _unseen(f"completions of {kind.step} that {node.step.name} may follow")

    def right(self, kind: EqualDraws) -> ShareLaw:
        """Share of right answers among those of this kind."""
        laws = (self._law(pool, kind) for pool in POOLS)
        return next((law for law in laws if law is not None), None) or _unseen(f"answers of {kind.step}")

    def _judged(self, step: str) -> int:
        return int(sum(count.sum() for (kind, _), count in self._drawn.items() if kind.step == step))

    def _law(self, pool: Pool, kind: EqualDraws, step: str = "") -> ShareLaw | None:
        """Followers of this kind on a step, or ("") of right ones; None if fewer than LEAST were seen."""
        key = (pool, kind, step)
        if key not in self._laws:
            alike = [drawn for drawn in self._drawn if _alike(pool, drawn[0] if not step else _life(drawn), kind)]
            hits, trials = self._followed(alike, step) if step else self._right(alike)
            enough = trials.sum() >= LEAST and not (hits > trials).any()  # more than once each: what joins several threads
            self._laws[key] = ShareLaw.of(hits, trials) if enough else None
        return self._laws[key]

    def _followed(self, alike: Sequence[Drawn], step: str) -> tuple[Counts, Counts]:
        mine = [drawn for drawn in alike if may_follow(self._graph, self._graph.nodes[step], drawn[0])]
        return self._sum(self._candidates, [(step, _life(drawn)) for drawn in mine]), self._sum(self._drawn, mine)

    def _right(self, alike: Sequence[Drawn]) -> tuple[Counts, Counts]:
        return self._sum(self._drawn, [(kind, True) for kind, _ in alike]), self._sum(self._drawn, alike)

    def _columns(self, counts: Iterator[Mapping[Any, int]]) -> dict[Any, Counts]:
        columns: dict[Any, Counts] = defaultdict(lambda: np.zeros(len(self._counts), np.int64))
        for place, part in enumerate(counts):
            for key, count in part.items():
                columns[key][place] += count
        return dict(columns)

    def _sum(self, columns: Mapping[Any, Counts], keys: Sequence[Any]) -> Counts:
        counts = [columns[key] for key in dict.fromkeys(keys) if key in columns]
        return np.sum(counts, axis=0) if counts else self.nothing()

    def nothing(self) -> Counts:
        """No completion of any problem."""
        return np.zeros(len(self._counts), np.int64)

    def candidates(self, step: str) -> Counts:
        """Number of completions that the step could follow so far, by problem."""
        return self._sum(self._candidates, [key for key in self._candidates if key[0] == step and self._begun])

    def groups(self, step: str) -> Counts:
        """Number of completions or groups that the step followed so far, by problem."""
        return self._groups.get(step, self.nothing()) if self._begun else self.nothing()

    @property
    def graph(self) -> StepGraph:
        """The steps."""
        return self._graph


class _Simulation:
    """A simulation: new completions by kind, from step to step."""

    def __init__(self, to_come: FollowUpsToCome, rng: np.random.Generator, rated: Collection[str]) -> None:
        self._to_come, self._rng, self._graph, self._rated = to_come, rng, to_come.graph, rated
        self._new: dict[EqualDraws, Counts] = {}
        # One weight for each problem in all laws (Bayesian bootstrap): one that is followed often is so at every step.
        self._weights = rng.exponential(size=len(to_come.nothing()))
        self._shares: dict[int, Share] = {}
        self._candidates = {node.step.name: to_come.candidates(node.step.name) for node in self._graph.follow_ups}
        self._groups = {node.step.name: to_come.groups(node.step.name) for node in self._graph.follow_ups}
        self.drawn: dict[str, Counts] = defaultdict(to_come.nothing)
        self.right: dict[str, Counts] = defaultdict(to_come.nothing)

    def run(self, roots: Mapping[EqualDraws, Counts]) -> dict[str, Counts]:
        """The drawn completions of each step."""
        for kind, count in roots.items():
            self.drawn[kind.step] = self.drawn[kind.step] + count
            self._add(kind, count)
        repeated = [node for node in self._graph.follow_ups if node.stands_for is not None]
        plain = [node for node in self._graph.follow_ups if node.stands_for is None]
        # Depths from 0 to repeat + 1: the answer, its first result, and the results of its repeats.
        for depth in range(2 + max((node.step.repeat for node in repeated), default=0)):
            # A step that stands for an answer follows what is one less deep, so its results are there before the others'.
            for node in (*repeated, *plain):
                if not node.step.searched:
                    self._follow(node, depth)
        return dict(self.drawn)

    def _follow(self, node: Node, depth: int) -> None:
        name, source = node.step.name, depth - (node.stands_for is not None)
        for kind, count in self._to_come.asked.items():  # the round that is planned
            if kind.step == name and kind.depth == depth:
                self._drawn(node, kind, count)
        chosen: dict[bool | None, Counts] = {}
        for kind, count in list(self._new.items()):
            if kind.depth == source and count.any() and may_follow(self._graph, node, kind):
                chosen[kind.right] = chosen.get(kind.right, self._to_come.nothing()) + self._chosen(node, kind, count)
        for right, groups in self._grouped(node, chosen):
            if groups.any():
                self._drawn(node, EqualDraws(name, depth, right), groups * node.step.count)

    def _chosen(self, node: Node, kind: EqualDraws, count: Counts) -> Counts:
        law = self._to_come.followed(node, kind)
        return self._rng.binomial(count, law if isinstance(law, float) else self._share(law))

    def _share(self, law: ShareLaw) -> Share:
        """Share of each problem by a law: one draw that holds for the whole simulation."""
        # By identity, which is safe because `_laws` keeps every law.
        if id(law) not in self._shares:
            self._shares[id(law)] = law.draw(self._rng, self._weights)
        return self._shares[id(law)]

    def _grouped(self, node: Node, chosen: Mapping[bool | None, Counts]) -> Iterator[tuple[bool | None, Counts]]:
        """Followed completions of the possible ones, by the answer before: groups are filled, and `most` is the limit."""
        name, step = node.step.name, node.step
        if not chosen:
            return
        self._candidates[name] = self._candidates[name] + sum(chosen.values())
        of_all = self._candidates[name] // max(1, step.gather)
        allowed = of_all if step.most is None else np.minimum(of_all, step.most)
        left = np.maximum(0, allowed - self._groups[name])
        self._groups[name] = self._groups[name] + left
        if step.gather:
            yield None, left
            return
        others = np.sum(list(chosen.values()), axis=0)
        for right, count in chosen.items():
            others = others - count
            # Multivariate hypergeometric, one answer at a time: `most` does not choose by answers.
            taken = self._rng.hypergeometric(count, others, np.minimum(left, count + others))
            left = left - taken
            yield right, taken

    def _drawn(self, node: Node, kind: EqualDraws, count: Counts) -> None:
        """So many are drawn; which of them are right is asked only where something may follow them, or they are rated."""
        self.drawn[node.step.name] = self.drawn[node.step.name] + count
        followed = any(may_follow(self._graph, other, kind) for other in self._graph.follow_ups)
        if not followed and node.step.name not in self._rated:
            return
        if node.step.role != "answer":
            self._add(kind, count)
            return
        right = self._rng.binomial(count, self._share(self._to_come.right(kind)))
        self.right[node.step.name] = self.right[node.step.name] + right
        self._add(kind._replace(right=True), right)
        self._add(kind._replace(right=False), count - right)

    def _add(self, kind: EqualDraws, count: Counts) -> None:
        self._new[kind] = self._new.get(kind, self._to_come.nothing()) + count


def may_follow(graph: StepGraph, node: Node, kind: EqualDraws) -> bool:
    """True if the step follows completions of this kind at all."""
    other = graph.nodes[kind.step]
    stands = other.stands_for in node.parents and kind.depth <= other.step.repeat
    return kind.step in node.parents or stands


def _certain(graph: StepGraph, node: Node, kind: EqualDraws) -> float | None:
    """Share of this kind that the step is certain to follow: all or none; None if it depends on data."""
    if node.fields_put or len(node.parents) != 1 or any(condition.field != OUTCOME for condition in node.conditions):
        return None
    if graph.nodes[kind.step].step.raw:  # of which something may fail
        return None
    if not node.conditions:
        return 1.0
    own = [condition for condition in node.conditions if condition.step in (kind.step, node.parents[0])]
    if kind.right is None or len(own) < len(node.conditions):
        return None
    right = all("correct" in condition.values for condition in own)
    if kind.right:
        return 1.0 if right else 0.0
    return 0.0 if all(set(condition.values) == {"correct"} for condition in own) else None


def _life(drawn: Drawn) -> EqualDraws:
    """Kind of a completion for the steps that follow it."""
    return drawn[0]._replace(right=drawn[1])


def _alike(pool: Pool, one: EqualDraws, kind: EqualDraws) -> bool:
    """True if completions of these two kinds are pooled."""
    if one.step != kind.step or (pool == "alike" and one.depth != kind.depth):
        return False
    return pool == "any answer" or one.right == kind.right


def _unseen(what: str) -> "ShareLaw":
    raise TooLittleSeenError(what)
