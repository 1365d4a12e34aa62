"""Judged sample and open rows as arrays, and the value that a guarantee gives back.

The judged rows are calibration rows: a simple random sample of the same rows as the open ones, so all are exchangeable.
A guarantee is a pure function of these arrays and of its options; it may not depend on the order of rows or scorers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from rollmill.ground.pool import Flags, Floats

EXCHANGEABLE = "the judged rows are a simple random sample of the rows, drawn before anybody judged"
"""The one assumption of every guarantee here; an audit with `--simple` makes it true."""


@dataclass(frozen=True, slots=True)
class JudgedSample:
    """Scores of n judged and m open rows by K scorers, larger is better; -inf where a scorer gives no number.

    `judged`: (n, K). `right`: (n,), True where people judged a row correct. `rows`: (m, K). `lot`: a random number above 0
    and at most 1, drawn once for the judged rows.
    """

    scorers: Sequence[str]
    judged: Floats
    right: Flags
    rows: Floats
    lot: float = 1.0

    @property
    def wrong(self) -> Floats:
        """Scores of the judged rows that are wrong, (n0, K)."""
        return self.judged[~self.right]


@dataclass(frozen=True, slots=True)
class Guaranteed:
    """Result of a guarantee. `kept`: (m,), open rows that the claim covers. `claim`: a sentence for people.

    `chosen`: everything that was chosen by the same judged rows, so that a reader knows the claim covers that choice.
    `facts`: numbers for the manifest, as JSON values.
    """

    kept: Flags
    claim: str
    chosen: Sequence[str] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


class Guarantee(Protocol):
    """A claim about open rows that holds with an error of at most `level`. `scored`: it needs at least one scorer."""

    name: str
    version: str
    scored: bool

    @property
    def level(self) -> float: ...

    def certify(self, sample: JudgedSample) -> Guaranteed:
        """The rows that the claim covers, and the claim."""


def wrong_at_least(wrong: Floats, scores: Floats) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Number of wrong judged rows with a score of at least each of these."""
    return len(wrong) - np.searchsorted(np.sort(wrong), scores, side="left").astype(np.int64)
