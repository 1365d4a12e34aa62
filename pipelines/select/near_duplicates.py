"""Near-duplicate texts by MinHash, confirmed exactly. For selectors and for problem sets.

Two texts are near duplicates when (1) their numbers, operators, number words and words that turn a statement around (not,
more, fewer ...) are the same in the same order, and (2) the Jaccard similarity of their word 3-grams reaches the threshold.
Words of scripts without spaces are runs of letters. (1) is a hard condition because number-blind normal forms merge
different problems: one changed number in a long problem leaves 95% of its 3-grams alone. It errs on the side of keeping: a
paraphrase that reorders its numbers is not duplicates.

Candidates come from locality-sensitive hashing (rensa) with a fixed seed, banded so that a pair at the threshold is missed
less than once in a thousand; each is confirmed on the exact 3-gram sets, so nothing below the threshold is ever dropped.
Earlier texts win.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rollmill.ground.errors import SetupError
from rollmill.pipelines.any_script import tokens_of

if TYPE_CHECKING:
    from rensa import RMinHash

_BESIDE = r"[-−]?\d+(?:[.,]\d+)*|[^\w\s]|_"
_TOKEN = re.compile(rf"[^\W\d_]+|{_BESIDE}")
_OPERATORS = frozenset("+-−*/×÷^=<>%≤≥≠±")
_COUNTING = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion dozen half "
    "halves third thirds quarter quarters fifth fifths sixth seventh eighth ninth tenth once twice thrice double triple "
    "quadruple first second"
)
_TURNING = "not no none never without more less fewer most least except before after"
_TURNING_ELSEWHERE = (
    "не нет без больше меньше до после кроме لا ليس ليست لم بدون أكثر أقل قبل بعد إلا नहीं न बिना अधिक ज़्यादा कम पहले बाद "
    "않은 않는 아닌 없는 없이 더 덜 전에 후에 이전 이후 이상 이하 제외"
)
_TURNING_LETTERS = frozenset("不没沒未无無非多少前后後增减減加乗乘除")  # in Chinese and Japanese
_HARD_WORDS = frozenset(f"{_COUNTING} {_TURNING} {_TURNING_ELSEWHERE}".split())
_GRAM = 3  # words
_PERMUTATIONS = 128  # of a MinHash sketch
_SEED = 20_260_101
_BRUTE_FORCE = 32  # kept texts with the same numbers that are compared one by one, without sketches


@dataclass(slots=True)
class NearDuplicates:
    """An index of kept texts; `find` names the first kept text that a new one nearly duplicates."""

    threshold: float
    _kept: list[frozenset[bytes]] = field(default_factory=list)
    _blocks: dict[tuple[str, ...], "_Block"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0.5 <= self.threshold <= 1.0:
            raise SetupError(f"near_duplicates is {self.threshold}, and must be a Jaccard similarity from 0.5 to 1.0.")

    def find(self, text: str) -> int | None:
        """The number (by order of adding) of the first kept text it nearly duplicates, else None."""
        hard, grams = _features(text)
        block = self._blocks.get(hard)
        candidates = block.candidates(grams) if block else ()
        return next((number for number in candidates if _jaccard(grams, self._kept[number]) >= self.threshold), None)

    def add(self, text: str) -> int:
        """Keep a text; gives its number."""
        hard, grams = _features(text)
        self._kept.append(grams)
        number = len(self._kept) - 1
        self._blocks.setdefault(hard, _Block(self.threshold)).add(number, grams)
        return number


@dataclass(slots=True)
class _Block:
    """Kept texts with the same numbers: all of them are candidates while they are few, then those that share a band."""

    threshold: float
    members: list[tuple[int, frozenset[bytes]]] = field(default_factory=list)
    sketches: "SketchIndex | None" = None

    def add(self, number: int, grams: frozenset[bytes]) -> None:
        self.members.append((number, grams))
        if self.sketches is not None:
            self.sketches.add(number, grams)
        elif len(self.members) > _BRUTE_FORCE:
            self.sketches = SketchIndex(self.threshold)
            for member, its_grams in self.members:
                self.sketches.add(member, its_grams)

    def candidates(self, grams: frozenset[bytes]) -> Sequence[int]:
        if self.sketches is None:
            return [number for number, _ in self.members]
        return sorted(self.sketches.query(grams))


class SketchIndex:
    """MinHash sketches of sets, banded so that a pair with Jaccard similarity `threshold` is missed less than once in a
    thousand; the result is candidates for an exact comparison.
    """

    def __init__(self, threshold: float) -> None:
        # A pair at .7 is missed with (1 - .7^4)^32 = .00015; at .5 only 64 bands of two rows are enough.
        bands = 32 if threshold >= 0.7 else 64
        from rensa import RMinHashLSH

        self._lsh = RMinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS, num_bands=bands)

    def add(self, number: int, features: frozenset[bytes]) -> None:
        """Add a set under a number."""
        self._lsh.insert(number, _sketch(features))

    def query(self, features: frozenset[bytes]) -> set[int]:
        """The numbers of the sets that share a band with this one."""
        return set(self._lsh.query(_sketch(features)))


def near_duplicates(texts: Sequence[str], threshold: float = 0.9) -> list[int | None]:
    """For each text the index of the earlier, kept text that it nearly duplicates, or None; deterministic."""
    index = NearDuplicates(threshold)
    positions: dict[int, int] = {}
    duplicates: list[int | None] = []
    for position, text in enumerate(texts):
        match = index.find(text)
        if match is None:
            positions[index.add(text)] = position
        duplicates.append(None if match is None else positions[match])
    return duplicates


def _features(text: str) -> tuple[tuple[str, ...], frozenset[bytes]]:
    tokens = tokens_of(text.casefold(), _TOKEN, _BESIDE)
    hard = tuple(token for token in tokens if _is_hard(token))
    # Texts of models may hold lone surrogates, which UTF-8 refuses.
    coded = [token.encode("utf-8", errors="surrogatepass") for token in tokens]
    grams = {b" ".join(coded[start : start + _GRAM]) for start in range(max(1, len(coded) - _GRAM + 1))}
    return hard, frozenset(grams)


def _is_hard(token: str) -> bool:
    if token in _HARD_WORDS or token in _OPERATORS:
        return True
    return any(character.isnumeric() or character in _TURNING_LETTERS for character in token)


def _jaccard(first: frozenset[bytes], second: frozenset[bytes]) -> float:
    return len(first & second) / len(first | second)


def _sketch(grams: frozenset[bytes]) -> "RMinHash":
    from rensa import RMinHash

    sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    sketch.update(sorted(grams))
    return sketch
