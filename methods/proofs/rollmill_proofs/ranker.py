"""A ranker of tactics that learns from searches: naive Bayes over the words of a proof state, one for each form of tactic.

The log odds that a tactic is part of a proof are ln((a + 1/2) / (r + 1/2)) + sum over the words w of the state of ln(P(w |
a) / P(w | r)), with a the states in which it was part of a proof, r those in which Coq rejected it or it led nowhere, and
half a count added everywhere. It is a linear model of a few hundred numbers: it orders the enumerated tactics and adds
none.
"""

import hashlib
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollmill.methods import SetupError
from rollmill_proofs.coq.coqtop import ProofState
from rollmill_proofs.proof_search import TacticSource
from rollmill_proofs.tactics import ON_VARIABLES, variables

_WORD = re.compile(r"[A-Za-z_]\w*|[^\s\w]+")
_HALF = 0.5


@dataclass(slots=True)
class _Counts:
    """States in which a form was part of a proof and in which it was not, and their words."""

    good: int = 0
    bad: int = 0
    good_words: Counter[str] = field(default_factory=Counter)
    bad_words: Counter[str] = field(default_factory=Counter)


class RankedTactics:
    """A source of the tactics of another source, in the order of their odds; ties in an order drawn by the seed."""

    def __init__(self, rows: Iterable[Mapping[str, Any]], source: TacticSource, seed: int = 0) -> None:
        """Learn from rows of the export `tactics`: `goals`, `tactic`, `rejected` and `others`."""
        self.source, self.seed = source, seed
        self._counts: dict[str, _Counts] = defaultdict(_Counts)
        for row in rows:
            words = words_of(row["goals"])
            for tactic, good in [(row["tactic"], True), *((bad, False) for bad in (*row["rejected"], *row["others"]))]:
                counts = self._counts[form_of(row["goals"], tactic)]
                counts.good += good
                counts.bad += not good
                # Words are a set, so a counter counts the states that hold a word and not its occurrences.
                (counts.good_words if good else counts.bad_words).update(words)

    def __call__(self, state: ProofState) -> Sequence[tuple[str, float]]:
        offered = [tactic for tactic, _ in self.source(state)]
        # Shuffled before the stable sort, so that ties do not follow the order of the enumeration.
        random.Random(f"{self.seed}-{state.key}").shuffle(offered)
        words = words_of(state.goals)
        odds = {tactic: self._odds(form_of(state.goals, tactic), words) for tactic in offered}
        # Cut off at 30, where `exp` cannot overflow and every chance stays above 0, as its logarithm needs.
        chances = {tactic: 1 / (1 + math.exp(-max(-30.0, min(30.0, odds[tactic])))) for tactic in offered}
        total = math.fsum(chances.values())
        # By the odds, since all chances beyond the cut are equal.
        ranked = sorted(offered, key=lambda tactic: -odds[tactic])
        return [(tactic, math.log(chances[tactic] / total)) for tactic in ranked]

    def _odds(self, form: str, words: frozenset[str]) -> float:
        counts = self._counts.get(form, _Counts())
        # Half a count each for a state with and a state without a word.
        good, bad = counts.good + 2 * _HALF, counts.bad + 2 * _HALF
        ratios = (
            math.log((counts.good_words[word] + _HALF) / good) - math.log((counts.bad_words[word] + _HALF) / bad)
            for word in sorted(words)
        )
        return math.log((counts.good + _HALF) / (counts.bad + _HALF)) + math.fsum(ratios)


def words_of(goals: str) -> frozenset[str]:
    """Words and symbols of a state, without numbers, and `several` for more than one goal."""
    return frozenset(_WORD.findall(goals)) | ({"several"} if "\n" in goals else frozenset())


def form_of(goals: str, tactic: str) -> str:
    """A tactic with the place of its variable in the state instead of the name."""
    for place, name in enumerate(variables(goals)):
        for form in ON_VARIABLES:
            if form.format(name) == tactic:
                return form.format(f"variable {place}")
    return tactic


def _is_step(row: Any) -> bool:
    """True for a row of the export `tactics`."""
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) for name in ("goals", "tactic")):
        return False
    return all(
        isinstance(row.get(name), list) and all(isinstance(tactic, str) for tactic in row[name])
        for name in ("rejected", "others")
    )


def policy_rows(file: str, folder: str | None) -> tuple[list[Mapping[str, Any]], str]:
    """Rows of a file of the export `tactics`, and its digest. SetupError if it is none."""
    place = Path(folder or ".") / file
    command = "rollmill dataset export NAME --format tactics --out tactics.jsonl"
    try:
        text = place.read_bytes()
        rows = [json.loads(line) for line in text.splitlines()]
    # JSON that nests too deeply raises RecursionError.
    except (OSError, ValueError, RecursionError) as error:
        raise SetupError(f"engine 'prover': policy {file!r} cannot be read: {error}.", next_command=command) from None
    if not rows or not all(_is_step(row) for row in rows):
        raise SetupError(f"engine 'prover': policy {file!r} has no rows of the export tactics.", next_command=command)
    return rows, hashlib.sha256(text).hexdigest()
