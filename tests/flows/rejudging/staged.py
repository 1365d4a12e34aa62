"""A verifier whose rules are arbitrary: what a rule does to a text follows from its name and version alone.

Extraction rules are tried first, the first that fires gives an answer; then comparison rules, the first that decides. A
verifier of one stage names one rule in its verdicts. Everything it judges is one line of `log` where that is given.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Verdict

Rule = tuple[str, str]
OUTCOMES: tuple[Any, ...] = ("correct", "incorrect", "unparsed", "undecided")


def roll(*parts: str) -> int:
    """A number that only these texts decide."""
    return int(digest128(list(parts))[:8], 16)


@dataclass
class Staged:
    """`answers`: extraction rules, `compares`: comparison rules, each (name, version)."""

    answers: Sequence[Rule]
    compares: Sequence[Rule]
    name: str = "staged"
    log: Path | None = None
    version: str = field(init=False)

    def __post_init__(self) -> None:
        self.version = "+".join(f"{name}.{version}" for name, version in self.rules)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return (*self.answers, ("nothing", "1"), *self.compares, ("default", "1"))

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        if self.log is not None:
            file = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(file, f"{completion.id} {problem.id} {self.version}\n".encode())
            os.close(file)
        rule, outcome, extracted = self._decide(problem, completion.text)
        return Verdict(
            completion.id, problem.id, self.name, self.version, outcome, rule, None, None, extracted, None, None, 0.5
        )

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        return (self.verify(*item) for item in items)

    def close(self) -> None:
        pass

    def _decide(self, problem: Problem, text: str) -> tuple[str, Any, str | None]:
        first = next((rule for rule in self.answers if roll("fires", *rule, text) % 3 == 0), None)
        if self.answers and first is None:
            return "nothing", "unparsed", None
        before = "" if first is None else f"{first[0]}:"
        extracted = None if first is None else str(roll("gives", *first, text) % 5)
        for rule in self.compares:
            if roll("decides", *rule, extracted or text, problem.reference) % 3 == 0:
                outcome = OUTCOMES[roll("says", *rule, extracted or text, problem.reference) % 4]
                return f"{before}{rule[0]}", outcome, extracted
        return f"{before}default", "incorrect", extracted
