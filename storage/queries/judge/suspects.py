"""Problems of a benchmark that may be faulty, for people to look at: nothing here is a verdict on a problem.

Signals: no reference and no tests; a prompt that an earlier problem has, with an equal or another reference; and an answer
on which completions of several models agree and which counts as wrong.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digits
from rollmill.ground.pool import STATES
from rollmill.ground.records import Problem
from rollmill.storage.queries import Reader, Scope
from rollmill.storage.queries.browse.problems import prompt_text, whole_problems
from rollmill.storage.queries.comparisons.sides import scopes_of
from rollmill.storage.queries.judge.errata import WRONG_REFERENCE, Errata
from rollmill.storage.queries.pools import scope_pool

SHARE, VOTES, MODELS = 0.75, 4, 2
"""Bounds of an agreement: least share of a problem's completions, least number of completions, least number of models."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A problem that may be faulty. `fault`: kind of fault to record. `share`: share of the completions that agree, None if
    the evidence is of another kind. `recorded`: id of its erratum, "" if there is none.
    """

    problem: str
    benchmark: str
    fault: str
    why: str
    prompt: str
    share: float | None = None
    recorded: str = ""

    def row(self) -> dict[str, Any]:
        """The suspect as JSON values."""
        return asdict(self)


@dataclass(slots=True)
class _Votes:
    """Answers to one problem: how many completions gave each, by which models, and those that count as wrong."""

    problem: Problem
    counts: Counter[str] = field(default_factory=Counter)
    models: dict[str, set[str]] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    size: int = 0


def suspects(reader: Reader, name: str, *, share: float = SHARE) -> list[Suspect]:
    """The suspects of an evaluation, run or version, by benchmark in the order of their problems."""
    if not 0.5 < share <= 1.0:
        raise SetupError(f"--share {share:g}: it is above 0.5 and at most 1, so that one answer has it.")
    known = {entry.problem: entry.id for entry in Errata(reader.root).active().values()}
    votes: dict[str, dict[str, _Votes]] = {}
    for scope in scopes_of(reader, name):
        _count(scope, votes.setdefault(_benchmark(scope), {}))
    answering = {model for by in votes.values() for part in by.values() for who in part.models.values() for model in who}
    # Where only one model answered, no answer could be that of two.
    least = min(MODELS, len(answering))
    return [
        Suspect(key, benchmark, fault, why, prompt_text(by[key].problem.prompt), part, known.get(key, ""))
        for benchmark, by in votes.items()
        for key, fault, why, part in (*_texts([part.problem for part in by.values()]), *_agreed(by, share, least))
    ]


def _benchmark(scope: Scope) -> str:
    cell = {} if scope.run is None else scope.run.recipe.get("cell", {})
    return str(cell.get("benchmark", scope.name.partition("@")[0]))


def _count(scope: Scope, votes: dict[str, _Votes]) -> None:
    """Add the measured completions of a scope."""
    pool = scope_pool(scope).pool
    new = [key for key in pool.problems if key not in votes]
    votes |= {key: _Votes(problem) for key, problem in whole_problems(scope, new).items()}
    # The outcomes before `undecided` in STATES are the judged ones.
    judged = pool.in_prefix & (pool.outcome < STATES.index("undecided"))
    for row in np.flatnonzero(judged).tolist():
        mine = votes[pool.problems[pool.problem[row]]]
        # Before the check for an answer: an abstention is a completion that does not agree.
        mine.size += 1
        if pool.answer[row] < 0:
            continue
        answer = pool.answers[pool.answer[row]]
        mine.counts[answer] += 1
        mine.models.setdefault(answer, set()).add(pool.models[pool.model[row]])
        if pool.outcome[row] == STATES.index("incorrect"):
            mine.wrong.add(answer)


def _texts(problems: Sequence[Problem]) -> Iterator[tuple[str, str, str, None]]:
    """Problems without a reference, and problems that repeat the prompt of an earlier one."""
    first: dict[str, Problem] = {}
    for problem in problems:
        if not problem.reference.strip() and not problem.tests:
            yield problem.id, "other", "it has no reference and no tests", None
        # Case and white space make no other problem.
        text = " ".join(prompt_text(problem.prompt).casefold().split())
        same = first.setdefault(text, problem)
        if same is problem:
            continue
        if same.reference == problem.reference:
            yield problem.id, "duplicate", f"it has the prompt and the reference of problem {same.id[:12]}", None
        else:
            why = (
                f"its reference is {problem.reference!r}, and {same.reference!r} in problem {same.id[:12]} of equal prompt"
            )
            yield problem.id, WRONG_REFERENCE, why, None


def _agreed(votes: dict[str, _Votes], share: float, models: int) -> Iterator[tuple[str, str, str, float]]:
    """Problems whose completions agree on an answer that counts as wrong."""
    for key, part in votes.items():
        if part.size < VOTES or not part.counts:
            continue
        answer, count = max(part.counts.items(), key=lambda item: (item[1], item[0]))
        if answer in part.wrong and count >= share * part.size and len(part.models[answer]) >= models:
            why = f"{count} of {part.size} completions answer {answer!r}, the reference is {part.problem.reference!r}"
            yield key, WRONG_REFERENCE, why, digits(count / part.size)
