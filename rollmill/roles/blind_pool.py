"""Aggregators' input for one problem, their result, and the role itself: for methods here and for a user's own.

It holds no reference and no verdict, and this package may import nothing that does (pyproject.toml): a method that cannot
see the labels cannot use them. Aggregators work on R subsets of a problem's completions side by side, so that a replay of
hundreds of subsets is one call; if all completions vote once, R is 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import unknown_name
from rollmill.ground.ids import digest128

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Need = Literal["scores", "texts", "models", "passes"]
NEVER = -np.inf
"""The strength of an answer that nobody gave: it is never elected."""
_DIGITS = 9  # sums of equal weights differ by rounding, which must not break a tie


REFERENCED = frozenset(
    {
        "answer_gain",
        "efficiency",
        "blank_perplexity",
        "forced_answer",
        "judge_votes",
        "known_answer",
        "label_votes",
        "leading_steps",
        "reference_likelihood",
    }
)
"""Scorers whose numbers rest on the reference or a label: they rank training data, and may elect no answer."""


def is_blind(name: str) -> bool:
    """True if an aggregator may see a score of this name (`length`, `-length`, `p_true@1 ...`)."""
    return name.removeprefix("-").partition("@")[0] not in REFERENCED


@dataclass(frozen=True, slots=True, eq=False)
class BlindPool:
    """R subsets of the completions of one problem, with N completions in each.

    `answers` (A): the canonical keys. Equal answers have equal keys; an answer without a key has a key of its own. The
    arrays `answer`, `drawn`, `member`, `model` and `tokens` are (R, N). `answer`: index into `answers`; -1 abstains and
    still counts in N. `drawn`: False if the subset has fewer than N completions. `member`: number of the completion in the
    problem, of M in all. `model`: index of the model, in the order in which models are asked. `tokens`: tokens out, -1 if
    unknown. `scores`: array of each scorer, NaN if a completion has no score. `texts` (M): the texts, empty unless the
    method reads them. `passes` (M, T): whether a program passes a generated test; tests that decide the problem are never
    among them.
    """

    answers: tuple[str, ...]
    answer: Ints
    drawn: Flags
    member: Ints
    model: Ints
    tokens: Ints
    scores: Mapping[str, Floats] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    passes: Flags | None = None
    _orders: dict[str, tuple[Ints, Ints]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        answers: Sequence[str | None],
        scores: Mapping[str, Sequence[float | None]] | None = None,
        *,
        models: Sequence[int] | None = None,
        texts: Sequence[str] = (),
        passes: Any = None,
    ) -> Self:
        """All completions of a problem as one subset: their canonical keys, None if one abstains, and what is known."""
        known = tuple(dict.fromkeys(answer for answer in answers if answer is not None))
        place = {answer: at for at, answer in enumerate(known)}
        size = len(answers)
        given = {name: [np.nan if v is None else v for v in values] for name, values in (scores or {}).items()}
        return cls(
            answers=known,
            answer=np.array([[-1 if answer is None else place[answer] for answer in answers]], dtype=np.int64),
            drawn=np.ones((1, size), dtype=bool),
            member=np.arange(size)[None, :],
            model=np.zeros((1, size), dtype=np.int64) if models is None else np.array([models], dtype=np.int64),
            tokens=np.full((1, size), -1),
            scores={name: np.array([values], dtype=float) for name, values in given.items()},
            texts=tuple(texts),
            passes=None if passes is None else np.asarray(passes, dtype=bool),
        )

    def __len__(self) -> int:
        return len(self.answer)

    def subsets(self, places: Ints, drawn: Flags | None = None) -> "BlindPool":
        """Subsets of a pool that is one subset: (R, N) places of its completions; `drawn` False if one ends earlier."""
        there = np.ones(places.shape, dtype=bool) if drawn is None else drawn
        return BlindPool(
            answers=self.answers,
            answer=np.where(there, self.answer[0][places], -1),
            drawn=there,
            member=self.member[0][places],
            model=self.model[0][places],
            tokens=self.tokens[0][places],
            scores={name: np.where(there, values[0][places], np.nan) for name, values in self.scores.items()},
            texts=self.texts,
            passes=self.passes,
        )

    @property
    def sizes(self) -> Ints:
        """(R,) how many completions each subset has, those that abstain too."""
        sizes: Ints = self.drawn.sum(axis=1)
        return sizes

    @property
    def counts(self) -> Floats:
        """(R, A) how many completions give each answer."""
        return self.total(np.ones(self.answer.shape))

    def total(self, weights: Floats) -> Floats:
        """(R, A) the sum of the weights (R, N) of the completions that give each answer, free of rounding noise."""
        return np.round(self._sums(weights), _DIGITS)

    def largest(self, values: Floats) -> Floats:
        """(R, A) the largest value (R, N) among the completions that give each answer; NEVER if there is none."""
        best = np.full(len(self) * len(self.answers), NEVER)
        votes = (self.answer >= 0) & ~np.isnan(values)
        np.maximum.at(best, self._cells()[votes], values[votes])
        return best.reshape(len(self), len(self.answers))

    def mean(self, values: Floats) -> Floats:
        """(R, A) the mean of the known values among the completions that give each answer; NEVER if there is none.

        Equal means differ by rounding: compare them by `in_order`.
        """
        known = ~np.isnan(values)
        number = self._sums(known.astype(float))
        return np.where(number > 0, self._sums(np.where(known, values, 0.0)) / np.maximum(number, 1.0), NEVER)

    def score(self, name: str) -> Floats:
        """(R, N) the scores of one scorer, larger is better; `-length` turns `length` round. SetupError: no such score."""
        plain = name.removeprefix("-")
        if plain not in self.scores:
            raise unknown_name("score", name, self.scores, next_command="a recipe's `score:` stores scores with a run")
        return -self.scores[plain] if name.startswith("-") else self.scores[plain]

    def by_rank(self, name: str, weight: Floats, *, answered: bool = False) -> Floats:
        """(R, N) the weight of each completion's rank by a score: `weight` (R, N) of places 0 (best) .. N - 1.

        Equal scores share the mean weight of their places; a completion without a score comes after all that have one.
        `answered`: only completions with an answer are ranked, the others come after them.
        """
        there, kept = (self.answer >= 0, f"answered {name}") if answered else (self.drawn, name)
        if kept not in self._orders:
            score = self.score(name)
            key = np.where(there, np.where(np.isnan(score), np.finfo(float).max, -score), np.inf)
            order = np.argsort(key, axis=1, kind="stable")
            ordered = np.take_along_axis(key, order, axis=1)
            first = np.ones(key.shape, dtype=bool)
            first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
            self._orders[kept] = order, np.flatnonzero(first)
        order, starts = self._orders[kept]
        sizes = np.diff([*starts, order.size])
        means = np.add.reduceat(weight.ravel(), starts) / sizes
        shared = np.empty(order.shape)
        np.put_along_axis(shared, order, np.repeat(means, sizes).reshape(order.shape), axis=1)
        return shared

    def _sums(self, weights: Floats) -> Floats:
        """(R, A) the sum of the weights (R, N) of the completions that give each answer."""
        votes = self.answer >= 0
        sums: Floats = np.bincount(self._cells()[votes], weights[votes], len(self) * len(self.answers)).astype(float)
        return sums.reshape(len(self), len(self.answers))

    def _cells(self) -> Ints:
        return np.arange(len(self))[:, None] * len(self.answers) + self.answer


@dataclass(frozen=True, slots=True, eq=False)
class Election:
    """Result of an aggregator in each of R subsets.

    `strength` (R, A): the answers' order, the strongest first; equal strengths are a tie; NEVER: not to be elected. `used`
    (R, N): the completions that it needed, if it stops early; None: all. `comparisons` (R,): the number of pairwise
    comparisons.
    """

    strength: Floats
    used: Flags | None = None
    comparisons: Ints | None = None

    def top(self, pool: BlindPool, k: int = 1, *, seed: int = 0) -> tuple[str, ...]:
        """The k elected answers of the first subset, the best first; fewer if fewer were given.

        Ties are broken by a hash of the seed and the answer's key: by chance, the same for every order of the completions.
        """
        places = [at for at in range(len(pool.answers)) if self.strength[0, at] > NEVER]
        tie = {at: digest128(["tie", seed, pool.answers[at]]) for at in places}
        ordered = sorted(places, key=lambda at: (-self.strength[0, at], tie[at]))
        return tuple(pool.answers[at] for at in ordered[:k])


class Aggregator(Protocol):
    """Elects an answer, or the k best, out of the completions of one problem.

    A pure function of the pool and its options; another order of the completions gives the same election, except that
    `knockout` draws its pairs by their numbers. `needs`: what else than answers must be there.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    needs: ClassVar[tuple[Need, ...]]

    def elect(self, pool: BlindPool) -> Election: ...


@runtime_checkable
class Adjustable(Protocol):
    """An aggregator class with settings to choose from; a replay chooses on other problems than it reports on."""

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterable[Mapping[str, Any]]:
        """The options of each setting, the one to prefer among equals first. `scores`: those that the pool has."""


def in_order(values: Floats) -> Floats:
    """(R, A) the place of each value among those of its subset, between 0 (least) and 1; equal but for rounding: one place.

    Values that are not finite have the place 0 too.
    """
    known = np.isfinite(values)
    largest = np.abs(np.where(known, values, 0.0)).max(axis=1, keepdims=True, initial=0.0)
    order = np.argsort(np.where(known, values, -np.inf), axis=1, kind="stable")
    ascending = np.take_along_axis(np.where(known, values, -np.inf), order, axis=1)
    steps = np.zeros(values.shape)
    with np.errstate(invalid="ignore"):  # of two values that are not finite
        steps[:, 1:] = ascending[:, 1:] - ascending[:, :-1] > largest * 10.0**-_DIGITS
    places: Floats = np.empty(values.shape)
    np.put_along_axis(places, order, steps.cumsum(axis=1), axis=1)
    shares: Floats = places / max(1, values.shape[1])
    return shares


def elected_only(pool: BlindPool, strength: Floats) -> Floats:
    """The strengths with NEVER for answers that no completion of the subset gives."""
    return np.where(pool.counts > 0, strength, NEVER)
