"""Solutions judged by how far they follow a known-correct one (Ni et al. 2023, arXiv 2205.14318). Programs run in the
sandbox.

Known solutions: entries of `tests` that are JSON objects with `solution`, else `meta.solution` (where an import keeps a
worked solution), else a `reference` that holds steps. A known solution that is a program is compared with the program of
the completion, one in words with its calculation steps.

`correct`: every step is true and the final value is that of a known solution. Otherwise `incorrect`, and `value` is the
share of the known solution's steps that the longest matching prefix reaches, always below 1.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from pipelines.sandbox import Mode, SandboxFailed
from pipelines.verify.code.code_verifier import code_text
from pipelines.verify.code.execution import printable
from pipelines.verify.code.program import blocks
from pipelines.verify.code.sandbox_verifier import BoxedVerifier, limits_of
from pipelines.verify.state_prefix.states import (
    MATCHINGS,
    Match,
    Matching,
    Path,
    furthest,
    statements_of,
    states_of,
    traced,
)
from pipelines.verify.state_prefix.steps import Step, number, steps_of
from storage.errors import SetupError
from storage.ids import canonical_json
from storage.records import Completion, Outcome, Problem, Verdict

_KNOWN = 64


class StatePrefixVerifier(BoxedVerifier):
    """Usable from any thread; the sandbox starts with the first program, never for solutions in words."""

    name = "state_prefix"
    rules = (("known", "1"), ("program", "1"), ("steps", "1"), ("no-steps", "1"), ("sandbox", "1"))

    def __init__(
        self,
        sandbox: Mode = "strict",
        *,
        matching: Matching = "exact",
        cpu_seconds: float = 2.0,
        memory_mib: int = 256,
        workers: int | None = None,
    ) -> None:
        if matching not in MATCHINGS:
            raise SetupError(f"verifier 'state_prefix': matching is {matching!r}.", choices=MATCHINGS)
        super().__init__(sandbox, limits_of(cpu_seconds, memory_mib), workers)
        self.matching = matching
        self.version += f"+{matching}"
        self._traced: dict[str, Path] = {}

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text. SetupError where a program needs a missing sandbox."""
        started = perf_counter()
        item = problem, completion
        known = known_of(problem)
        if not known:
            return self._verdict(item, "undecided", "known", cause="tests: the problem has no known solution")
        try:
            programs = [text for text in known if statements_of(text) is not None]
            verdict = self._program(item, programs) if programs else self._steps(item, known)
        except SandboxFailed as error:
            return self._verdict(item, "undecided", "sandbox", cause=f"crash: {error}"[:500])
        return replace(verdict, seconds=perf_counter() - started)

    def _steps(self, item: tuple[Problem, Completion], known: Sequence[str]) -> Verdict:
        trusted = ([step for step in steps_of(text) if step.true] for text in known)  # a misread line is no step of it
        paths = [path for steps in trusted if (path := path_of(steps)).final is not None]
        if not paths:
            return self._verdict(item, "undecided", "known", cause="tests: no known solution has true steps")
        steps = steps_of(code_text(item[1]))
        if not steps:
            return self._verdict(item, "unparsed", "no-steps", cause="no calculation steps in the text")
        path = path_of(steps)
        wrong = next((step.text for step in steps if not step.true), None)
        return self._judged(item, "steps", (path, paths), len(steps), wrong)

    def _program(self, item: tuple[Problem, Completion], known: Sequence[str]) -> Verdict:
        text = _program_text(code_text(item[1]))
        statements = None if text is None else statements_of(text)
        if statements is None:
            return self._verdict(item, "unparsed", "no-steps", cause="no program in the text")
        paths = [path for one in known if (path := self._known_path(one)).final is not None]
        if not paths:
            return self._verdict(item, "undecided", "known", cause="tests: no known solution runs to its end")
        path = traced(self.box(), statements)
        return self._judged(item, "program", (path, paths), len(statements), path.ended)

    def _known_path(self, text: str) -> Path:
        if text not in self._traced:
            statements = statements_of(text)
            assert statements is not None
            if len(self._traced) >= _KNOWN:
                self._traced.pop(next(iter(self._traced)), None)
            self._traced[text] = traced(self.box(), statements)
        return self._traced[text]

    def _judged(
        self, item: tuple[Problem, Completion], rule: str, paths: tuple[Path, Sequence[Path]], steps: int, wrong: str | None
    ) -> Verdict:
        path, known = paths
        right = path.final is not None and path.final in {*(one.final for one in known), *_answer(item[0])}
        best = max((furthest(path, one, self.matching) for one in known), key=lambda match: (match.share, match.step))
        value = 1.0 if right else min(best.share, (best.known_steps - 1) / best.known_steps)
        outcome: Outcome = "correct" if right else "incorrect"
        cause = None if right else "wrong_step" if wrong else "wrong_end"
        return self._verdict(
            item,
            outcome,
            rule,
            cause=cause,
            value=value,
            extracted=None if path.final is None else printable(path.final),
            reference_form=printable(known[0].final or ""),
            evidence=_told(best, steps, wrong),
        )

    def _verdict(self, item: tuple[Problem, Completion], outcome: Outcome, rule: str, **more: Any) -> Verdict:
        problem, completion = item
        fields = {"seconds": 0.0, **more}
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule, **fields)


def known_of(problem: Problem) -> list[str]:
    """The texts of the known-correct solutions."""
    found = [told for text in problem.tests if (told := _solution_in(text)) is not None]
    if found:
        return found
    given = problem.meta.get("solution")
    texts = given if isinstance(given, list) else [given]
    return [text for text in texts if isinstance(text, str) and text.strip()] or (
        [problem.reference] if steps_of(problem.reference) or statements_of(problem.reference) is not None else []
    )


def _answer(problem: Problem) -> list[str]:
    """The reference as a state's value, where it is a number: worked solutions may end in a step that no one wrote out."""
    value = number(problem.reference)
    return [] if value is None else [str(value)]


def path_of(steps: Sequence[Step]) -> Path:
    """The states of a worked solution; a false step ends it, since nothing after it follows."""
    values: list[str] = []
    for step in steps:
        if not step.true:
            return Path(states_of(values), None, step.text)
        values.append(str(step.value))
    return Path(states_of(values), values[-1] if values else None)


def _solution_in(text: str) -> str | None:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return None
    solution = told.get("solution") if isinstance(told, dict) else None
    return solution if isinstance(solution, str) else None


def _program_text(text: str) -> str | None:
    fenced = [block.text for block in blocks(text) if statements_of(block.text) is not None]
    return fenced[-1] if fenced else text if statements_of(text) is not None else None


def _told(best: Match, steps: int, wrong: str | None) -> str:
    told = {"matched": best.step, "steps": steps, "known_matched": best.known_step, "known_steps": best.known_steps}
    return canonical_json(told | ({"first_wrong": printable(wrong)} if wrong else {}))
