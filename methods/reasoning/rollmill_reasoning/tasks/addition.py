"""The synthesizer `addition`: sums of two long numbers whose worked text states the order of the digits.

From the least significant digit on, each line adds two digits and a carry, so a model that learnt one length can apply the
same rule at every other (Arbitrary Length Generalization for Addition, 2024). The other order, a control, begins with the
most significant digit: there each line depends on the carries of all later lines. Length and order are recorded with each
problem, so that sets of the two orders are not mixed by mistake.
"""

import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rollmill.methods import Problem, SetupError, digest128, unknown_name

ORDERS = {"lsd_first": "from the last digit to the first", "msd_first": "from the first digit to the last"}
"""Orders of the digits, in words: least or most significant digit first."""
SPLITS = ("train", "heldout", "evaluation")
LONGEST = 200
_PATIENCE = 1_000
_LINE = re.compile(r"(\d) \+ (\d) \+ ([01]) = (\d{1,2})")
_DIGITS = re.compile(r"^digits: ((?:\d ?)+)$", re.MULTILINE)


class DigitSum(NamedTuple):
    """The sum of two digits and a carry, at a place counted from the end."""

    left: int
    right: int
    carry: int

    @property
    def total(self) -> int:
        """Sum of the digits and the carry, 0 to 19."""
        return self.left + self.right + self.carry

    def line(self) -> str:
        """The calculation as a line of a worked text."""
        return (
            f"{self.left} + {self.right} + {self.carry} = {self.total}, write {self.total % 10}, carry {self.total // 10}"
        )


def digit_sums(left: int, right: int) -> list[DigitSum]:
    """The sums of digits by hand, the last place first; the shorter number is filled with zeros."""
    sums: list[DigitSum] = []
    width = max(len(str(left)), len(str(right)))
    for a, b in zip(reversed(f"{left:0{width}}"), reversed(f"{right:0{width}}"), strict=True):
        sums.append(DigitSum(int(a), int(b), sums[-1].total // 10 if sums else 0))
    return sums


def worked_sum(left: int, right: int, order: str) -> str:
    """The worked text: a line for each place, the digits in the order of the lines, then `####` and the sum."""
    sums = digit_sums(left, right)
    digits, carry = [str(part.total % 10) for part in sums], sums[-1].total // 10
    lines = [part.line() for part in sums]
    # The last carry is a place of its own, beyond the digits of both numbers.
    if carry:
        lines.append("0 + 0 + 1 = 1, write 1, carry 0")
        digits.append("1")
    if order == "msd_first":
        lines, digits = lines[::-1], digits[::-1]
    return "\n".join([*lines, f"digits: {' '.join(digits)}", f"#### {left + right}"])


def sum_in(text: str, order: str) -> int | None:
    """The sum that the line `digits` of a text gives in its order; None without such a line."""
    lines = _DIGITS.findall(text)
    if not lines:
        return None
    digits = lines[-1].split()
    return int("".join(reversed(digits) if order == "lsd_first" else digits))


def false_lines(text: str) -> int:
    """Number of lines whose digits and carry do not add up as they say."""
    return sum(int(a) + int(b) + int(c) != int(total) for a, b, c, total in _LINE.findall(text))


class Addition:
    """Sums of two numbers. `digits`: lengths of the longer number, which take turns; `order`: one of ORDERS."""

    name, version = "addition", "1"

    def __init__(self, *, digits: Sequence[int] = (1, 2, 3, 4), order: str = "lsd_first", split: str = "train") -> None:
        """Take the options of a recipe.

        Args:
            digits: Lengths of the longer number, 1 to 200, which take turns.
            order: Order of the digits in the worked text: `lsd_first` or `msd_first`.
            split: Split of the problems: `train`, `heldout` or `evaluation`, which share no sum.
        """
        if not digits or any(type(length) is not int or not 1 <= length <= LONGEST for length in digits):
            raise SetupError(
                f"synthesizer 'addition': digits is {list(digits)}.", choices=(f"lengths from 1 to {LONGEST}",)
            )
        if order not in ORDERS:
            raise unknown_name("order of synthesizer 'addition'", order, ORDERS)
        if split not in SPLITS:
            raise unknown_name("split of synthesizer 'addition'", split, SPLITS)
        self.digits, self.order, self.split = tuple(digits), order, split

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct sums; SetupError if a length has no more of them in this split."""
        seen = set[tuple[int, int]]()
        for number in range(budget):
            length = self.digits[number % len(self.digits)]
            yield self._problem(self._fresh(length, number, seed, seen), length)

    def _fresh(self, length: int, number: int, seed: int, seen: set[tuple[int, int]]) -> tuple[int, int]:
        # Seeded by the number, so that a sum does not depend on how many draws the earlier ones took.
        rng = random.Random(digest128([self.name, seed, self.split, number]))
        # Length 1 has 100 pairs, of which about a tenth is held out, so a length can run out.
        for _ in range(_PATIENCE):
            pair = (_number(length, rng), _number(rng.randint(max(1, length - 1), length), rng))
            # Turned in half of the cases, so that the longer number does not always come first.
            pair = pair if rng.random() < 0.5 else pair[::-1]
            if pair not in seen and _split_of(pair) == self.split:
                seen.add(pair)
                return pair
        raise SetupError(
            f"synthesizer 'addition': split {self.split!r} has no more sums of length {length}.",
            choices=SPLITS,
            next_command="ask for fewer problems or other lengths",
        )

    def _problem(self, pair: tuple[int, int], length: int) -> Problem:
        left, right = pair
        carries = sum(part.total > 9 for part in digit_sums(left, right))
        return Problem(
            f"Add {left} and {right} digit by digit, {ORDERS[self.order]}. What is the sum?",
            str(left + right),
            kind="number",
            source=self.name,
            licence="Apache-2.0",
            split=self.split,
            level=length,
            skill=f"addition {self.order}",
            template=f"addition of {length} digits",
            meta={
                "digits": length,
                "order": self.order,
                "carries": carries,
                "solution": worked_sum(left, right, self.order),
            },
        )


def _number(length: int, rng: random.Random) -> int:
    # 10 ** 0 would leave 0 out of the numbers of one digit.
    return rng.randint(10 ** (length - 1) if length > 1 else 0, 10**length - 1)


def _split_of(pair: tuple[int, int]) -> str:
    """The split of a sum, whatever the order of its numbers: eight of ten train."""
    # The hash has no seed in it, so a sum is on the same side in every recipe.
    place = int(digest128(["addition", sorted(pair)])[:8], 16) % 10
    return "train" if place < 8 else "heldout" if place == 8 else "evaluation"
