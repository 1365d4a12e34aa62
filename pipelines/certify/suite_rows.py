"""Rows of a suite: a question to a verifier with the outcome that it must give.

Texts may hold the marks @FILE@, @PORT@, @TOKEN@ and @SECRET@, which a run replaces with its canary's: a path that must not
appear, a loopback port that must not be connected to, a word that says by which row, and a secret that must not be known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from rollmill.ground.records import Outcome

Section = Literal[
    "equivalence",
    "non_equivalence",
    "policy",
    "denial_of_service",
    "code_execution",
    "always_equal",
    "tampering",
    "threads",
]
SECTIONS: tuple[Section, ...] = get_args(Section)
HOSTILE: frozenset[Section] = frozenset({"denial_of_service", "code_execution", "always_equal", "tampering"})
ExpectedOutcome = Literal["correct", "wrong", "any"]
MARKS = ("@FILE@", "@PORT@", "@TOKEN@", "@SECRET@")


@dataclass(frozen=True, slots=True)
class SuiteRow:
    """A problem, a completion's text, and what is right: `correct`, `wrong` (anything but correct) or `any` verdict at all.

    `name` says what kind of case it is, within its section; rows of one `pair` are the same two texts in both orders.
    With `threads` that many threads ask it in parallel, off the main thread, and all verdicts must agree. `exact`: the
    one outcome that follows, if nothing has to be understood.
    """

    section: Section
    name: str
    reference: str
    text: str
    expected: ExpectedOutcome
    prompt: str = "Find it."
    kind: str = "math"
    tests: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    pair: int | None = None
    threads: int = 0
    exact: Outcome | None = None

    def shown(self, length: int = 60) -> str:
        """Reference and text in one short printable line."""
        return f"{_short(self.reference, length)} | {_short(self.text, length)}"


@dataclass(frozen=True, slots=True)
class Suite:
    """Rows for one kind of verifier, and two plain questions asked again after every hostile row: one right, one wrong."""

    name: str
    rows: tuple[SuiteRow, ...]
    probes: tuple[SuiteRow, SuiteRow]

    def with_threads(self) -> "Suite":
        """The suite with its plain questions also asked off the main thread, by one thread and by eight in parallel."""
        again = [replace(probe, section="threads", name=f"{n} at once", threads=n) for n in (1, 8) for probe in self.probes]
        return replace(self, rows=(*self.rows, *again))


def boxed(
    section: Section, name: str, pair: tuple[str, str], expected: ExpectedOutcome, number: int | None = None
) -> SuiteRow:
    """A (reference, answer) pair with the answer in a box."""
    return SuiteRow(section, name, pair[0], f"\\boxed{{{pair[1]}}}", expected, pair=number)


def _short(text: str, length: int) -> str:
    plain = ascii(text[: length + 1])[1:-1].replace("\\\\", "\\")
    return plain if len(text) <= length and len(plain) <= 2 * length else f"{plain[:length]}... ({len(text):,} characters)"
