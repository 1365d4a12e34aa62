"""Rational speech acts over a matrix of programs by examples: which examples tell a program from the others.

`matrix[p, e]` is True where program p is consistent with example e. A literal listener holds every consistent program for
equally likely (or by a prior). A speaker who knows the program gives the example by which that listener finds it, softly:
with weight (listener's probability) ** alpha. A pragmatic listener asks which program that speaker would have had.
Examples are given one after the other, each by the listener that the earlier ones leave (Cohn-Gordon et al. 2019), which
is how Generating Pragmatic Examples to Train Neural Program Synthesizers (Vaduguru et al. 2024) chooses them.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def literal_listener(matrix: Matrix, prior: Floats | None = None) -> Floats:
    """P(program | example), shape (programs, examples); a column that no program is consistent with is 0."""
    return _shares(matrix * _column(matrix, prior), 0)


def speaker(matrix: Matrix, prior: Floats | None = None, alpha: float = 1.0) -> Floats:
    """P(example | program), shape (programs, examples); a program without a consistent example is 0."""
    return _shares(literal_listener(matrix, prior) ** alpha * matrix, 1)


def pragmatic_listener(matrix: Matrix, prior: Floats | None = None, alpha: float = 1.0) -> Floats:
    """P(program | example) of a listener who reckons with the speaker, shape (programs, examples)."""
    return _shares(speaker(matrix, prior, alpha) * _column(matrix, prior), 0)


def _column(matrix: Matrix, prior: Floats | None) -> Floats:
    return (np.ones(len(matrix)) if prior is None else prior)[:, None]


def _shares(weights: Floats, axis: int) -> Floats:
    """Weights as shares of their sum along an axis; 0 where the sum is."""
    whole = weights.sum(axis=axis, keepdims=True)
    shares: Floats = np.divide(weights, whole, out=np.zeros_like(weights), where=whole > 0)
    return shares


def informative_examples(matrix: Matrix, program: int, count: int, alpha: float = 1.0) -> list[int]:
    """The examples that the speaker finds best for a program, one after the other; ties go to the earlier example.

    Fewer than `count` if the program alone is left before, or no consistent example tells more.
    """
    left, chosen = np.ones(len(matrix), dtype=bool), list[int]()
    while len(chosen) < count and left.sum() > 1:
        weights = speaker(matrix[left], alpha=alpha)[int(left[:program].sum())]
        best = int(np.argmax(weights))
        if matrix[left, best].all():
            break
        chosen.append(best)
        left &= matrix[:, best]
    return chosen


def listener_of_examples(matrix: Matrix, examples: Sequence[int], *, pragmatic: bool, alpha: float = 1.0) -> Floats:
    """P(program | examples in their order), shape (programs,): by consistency, or by the speaker's choices as well."""
    left, belief = np.ones(len(matrix), dtype=bool), np.ones(len(matrix))
    for example in examples:
        if pragmatic:
            chosen = np.zeros(len(matrix))
            chosen[left] = speaker(matrix[left], alpha=alpha)[:, example]
            belief = belief * chosen
        left &= matrix[:, example]
    belief = belief * left
    whole = belief.sum()
    return belief / whole if whole > 0 else belief
