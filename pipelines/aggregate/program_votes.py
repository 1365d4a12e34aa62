"""Aggregators for programs: which of N generated solutions to choose by which of M generated tests each of them passes.

Solutions and tests were both written by a model and both may be wrong; neither is the reference. The baselines `max_pass`,
`codet` and `mbr_exec` count; `b4` asks which pair of solutions and tests is most likely the right one (Chen et al. 2024,
"B4: Towards Optimal Assessment of Plausible Code Solutions with Plausible Tests").
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.pipelines.option_checks import checked_positive
from rollmill.roles.blind_pool import BlindPool, Election, Flags, Floats, Need, elected_only


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Solutions of one subset that pass exactly the same tests, group by group.

    `patterns` (G, M): the tests that a group passes. `sizes` (G,): its solutions. `of` (N,): each solution's group.
    """

    patterns: Flags
    sizes: Floats
    of: np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class MaxPass:
    """The solution that passes the most tests."""

    name: ClassVar[str] = "max_pass"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("passes",)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by tests passed."""
        return _elected(pool, lambda groups: groups.patterns.sum(axis=1))


@dataclass(frozen=True, slots=True)
class MbrExec:
    """The solution that behaves like the most others on all tests (Shi et al. 2022, arXiv:2204.11454, hard loss)."""

    name: ClassVar[str] = "mbr_exec"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("passes",)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by size of their group."""
        return _elected(pool, lambda groups: groups.sizes)


@dataclass(frozen=True, slots=True)
class CodeT:
    """Dual execution agreement: tests passed times the root of the solutions that pass the same (Chen et al. 2022,
    arXiv:2207.10397, with the weight that B4 compares against).
    """

    name: ClassVar[str] = "codet"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("passes",)

    def elect(self, pool: BlindPool) -> Election:
        """Answers by agreement of their group's solutions and tests."""
        return _elected(pool, lambda groups: groups.patterns.sum(axis=1) * np.sqrt(groups.sizes))


@dataclass(frozen=True, slots=True)
class B4:
    """The group of solutions and the tests it passes that have the largest posterior probability of being the right ones.

    score = lnB(tests + alpha, M - tests + 1) + lnB(solutions + alpha, N - solutions + 1) + lnB(e1 + 1, n1 - e1 + 1) +
    lnB(e0 + 1, n0 - e0 + beta), where e of n cells of the other solutions pass: e1 of n1 on the group's tests, e0 of n0 on
    the others. `alpha` is the prior that tests and solutions are right, `beta` that wrong ones fail wrong tests. A prior
    that does not fit the tests makes it worse than chance, so it is recorded.
    """

    name: ClassVar[str] = "b4"
    version: ClassVar[str] = "1"
    needs: ClassVar[tuple[Need, ...]] = ("passes",)
    alpha: float = 10.0
    """Prior that solutions and tests are right."""
    beta: float = 10.0
    """Prior that wrong solutions fail wrong tests."""

    def __post_init__(self) -> None:
        for option in ("alpha", "beta"):
            checked_positive("aggregator", self.name, option, getattr(self, option))

    @staticmethod
    def settings(scores: Sequence[str]) -> Iterator[Mapping[str, Any]]:  # noqa: ARG004
        """The priors of the paper's simulations and of its runs."""
        return ({"alpha": alpha, "beta": beta} for alpha, beta in ((10.0, 10.0), (1e3, 1e4), (1e3, 1e6)))

    def elect(self, pool: BlindPool) -> Election:
        """Answers by log posterior, up to a constant."""
        return _elected(pool, self._posterior)

    def _posterior(self, groups: Groups) -> Floats:
        from scipy.special import betaln

        n, m = groups.sizes.sum(), groups.patterns.shape[1]
        tests, alpha, beta = groups.patterns.sum(axis=1), self.alpha, self.beta
        passed = groups.sizes @ groups.patterns  # (M,) solutions that pass each test
        on_mine = groups.patterns @ passed - tests * groups.sizes  # cells of the others that pass the group's tests
        on_others = passed.sum() - groups.patterns @ passed
        cells = tests * (n - groups.sizes), (m - tests) * (n - groups.sizes)
        posterior: Floats = (
            betaln(tests + alpha, m - tests + 1)
            + betaln(groups.sizes + alpha, n - groups.sizes + 1)
            + betaln(on_mine + 1, cells[0] - on_mine + 1)
            + betaln(on_others + 1, cells[1] - on_others + beta)
        )
        return posterior


def _elected(pool: BlindPool, strength: Callable[[Groups], Any]) -> Election:
    """The answers by the strength of their solutions' groups, subset by subset."""
    if pool.passes is None:
        raise SetupError("this pool has no generated tests that its programs were run against.")
    values = np.full(pool.answer.shape, np.nan)
    for row, (member, given) in enumerate(zip(pool.member, pool.answer >= 0, strict=True)):
        if given.any():
            patterns, of, sizes = np.unique(pool.passes[member[given]], axis=0, return_inverse=True, return_counts=True)
            groups = Groups(patterns, sizes.astype(float), of.reshape(-1))
            values[row, given] = np.round(np.asarray(strength(groups), dtype=float), 9)[groups.of]
    return Election(elected_only(pool, pool.largest(values)))
