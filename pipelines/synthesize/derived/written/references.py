"""References of problems that a model wrote: elected by a solver's completions, alone or against what the writer stated.

The solver gets the problem like any model. Its answers are grouped by canonical form; one that gives none
abstains and counts all the same. `majority` takes the answer of the largest group where its share is high enough,
`round_trip` the writer's own answer if that is the elected one. Both are wrong where the solver mostly is.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.records import CARRIED, MAJORITY, ROUND_TRIP
from rollmill.pipelines.synthesize.derived.written.writing import Writer, WriterModel, model_of
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.extract import final_answer
from rollmill.pipelines.verify.number import plain_text
from rollmill.roles.engine_roles import Samplers

ORIGINS = (CARRIED, MAJORITY, ROUND_TRIP)
MOST_VOTES = 256


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference with where it came from. `facts`: the facts about an election."""

    text: str
    origin: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReferencePolicy:
    """Settings of references: their origin, the solver, its votes, and the least share that must agree."""

    origin: str
    solver: WriterModel
    votes: int
    least: float

    @classmethod
    def of(cls, origin: str, solver: Mapping[str, Any] | None, votes: int, least: float, name: str) -> "ReferencePolicy":
        """Out of a recipe's options; SetupError for options that cannot give a reference."""
        if origin not in ORIGINS:
            raise unknown_name(f"reference of synthesizer {name!r}", str(origin), ORIGINS)
        if not 1 <= votes <= MOST_VOTES or not 0 < least <= 1:
            valid = (f"votes 1 to {MOST_VOTES}", "a share above 0, at most 1")
            raise SetupError(f"synthesizer {name!r}: votes {votes}, least {least}.", choices=valid)
        return cls(origin, model_of(solver, f"solver of synthesizer {name!r}"), votes, least)

    @property
    def elects(self) -> bool:
        """True if references are elected by a solver, False if they are carried from the source problem."""
        return self.origin != CARRIED


class Elections:
    """Elects references with a solver; one `Writer` for all calls."""

    def __init__(self, name: str, wanted: ReferencePolicy, samplers: Samplers | None) -> None:
        self._wanted, self._solver = wanted, Writer(name, wanted.solver, samplers)

    @property
    def version(self) -> str:
        """Version of everything besides the problems that determines the references."""
        return f"solver {self._solver.version} votes={self._wanted.votes} least={self._wanted.least:g}"

    def references(self, problems: Sequence[tuple[str, str | None]], seed: int) -> list[Reference | None]:
        """For each (prompt, what the writer stated) its reference; None if too few agree, or not on the stated answer."""
        votes = self._wanted.votes
        attempts = [(prompt, index) for prompt, _ in problems for index in range(votes)]
        texts = self._solver.texts(attempts, seed)
        # Texts come back in the order of the attempts, `votes` for each problem.
        groups = [texts[place * votes : (place + 1) * votes] for place in range(len(problems))]
        return [self._reference(stated, group) for (_, stated), group in zip(problems, groups, strict=True)]

    def _reference(self, stated: str | None, texts: Sequence[str | None]) -> Reference | None:
        elected = elected_answer(texts)
        # The tolerance lets 2 of 3 votes reach a `least` that is written as .6666666666667.
        if elected is None or elected[1] / len(texts) < self._wanted.least - 1e-12:
            return None
        answer, votes = elected
        facts = {"agreement": votes / len(texts), "votes": len(texts)}
        if self._wanted.origin == MAJORITY:
            return Reference(answer, MAJORITY, facts)
        # Canonical forms are compared: the writer's 0.5 and the solver's 1/2 agree.
        if stated is None or read(stated).form != read(answer).form:
            return None
        return Reference(stated, ROUND_TRIP, facts)


def elected_answer(texts: Sequence[str | None]) -> tuple[str, int] | None:
    """The answer that most texts give, by its most usual spelling, and how many do; a tie elects none."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        answer = None if text is None else answer_of(text)
        if answer:
            groups[read(answer).form][answer] += 1
    ranked = sorted(groups.values(), key=lambda spelt: -spelt.total())
    if not ranked or (len(ranked) > 1 and ranked[0].total() == ranked[1].total()):
        return None
    # Among equally usual spellings the text decides, so that the order of the votes does not matter.
    return min(ranked[0], key=lambda spelling: (-ranked[0][spelling], len(spelling), spelling)), ranked[0].total()


def answer_of(text: str) -> str | None:
    """The final answer of a text: the plain number in it if it is one; unmarked words are none."""
    final = final_answer(text)
    number = None if final is None else plain_text(final)
    if final is None or (number is None and final.rule in ("bare", "tail")):
        return None
    return (number or final.text).strip()
