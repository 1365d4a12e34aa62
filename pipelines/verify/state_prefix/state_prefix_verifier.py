"""Judges solutions by how far they follow a known-correct one (Ni et al. 2023, arXiv 2205.14318).

Programs run in the sandbox.

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

from pipelines.sandbox import Mode, SandboxFailed
from pipelines.verify.code.code_verifier import code_text
from pipelines.verify.code.execution import printable
from pipelines.verify.code.program import blocks
from pipelines.verify.code.sandbox_verifier import SandboxVerifier, limits_of
from pipelines.verify.finding import Item
from pipelines.verify.state_prefix.states import (
    MATCHINGS,
    Matching,
    Path,
    furthest,
    statements_of,
    states_of,
    trace,
)
from pipelines.verify.state_prefix.steps import Step, number, steps_of
from storage.errors import SetupError
from storage.ids import canonical_json
from storage.records import Completion, Problem, Verdict

_KNOWN = 64


class StatePrefixVerifier(SandboxVerifier):
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
        started, item = perf_counter(), (problem, completion)
        known = known_of(problem)
        if not known:
            return self.verdict(item, "undecided", "known", cause="tests: the problem has no known solution")
        try:
            programs = [text for text in known if statements_of(text) is not None]
            verdict = self._of_program(item, programs) if programs else self._of_steps(item, known)
        except SandboxFailed as error:
            return self.verdict(item, "undecided", "sandbox", cause=f"crash: {error}")
        return replace(verdict, seconds=perf_counter() - started)

    def _of_steps(self, item: Item, known: Sequence[str]) -> Verdict:
        trusted = ([step for step in steps_of(text) if step.true] for text in known)  # a misread line is no step of it
        paths = [path for steps in trusted if (path := path_of(steps)).final is not None]
        if not paths:
            return self.verdict(item, "undecided", "known", cause="tests: no known solution has true steps")
        steps = steps_of(code_text(item[1]))
        if not steps:
            return self.verdict(item, "unparsed", "no-steps", cause="no calculation steps in the text")
        wrong = next((step.text for step in steps if not step.true), None)
        return self._compared(item, "steps", (path_of(steps), paths), len(steps), wrong)

    def _of_program(self, item: Item, known: Sequence[str]) -> Verdict:
        text = _program_text(code_text(item[1]))
        statements = None if text is None else statements_of(text)
        if statements is None:
            return self.verdict(item, "unparsed", "no-steps", cause="no program in the text")
        paths = [path for source in known if (path := self._known_path(source)).final is not None]
        if not paths:
            return self.verdict(item, "undecided", "known", cause="tests: no known solution runs to its end")
        path = trace(self.sandbox(), statements)
        return self._compared(item, "program", (path, paths), len(statements), path.ended)

    def _known_path(self, text: str) -> Path:
        if text not in self._traced:
            statements = statements_of(text)
            assert statements is not None
            if len(self._traced) >= _KNOWN:
                self._traced.pop(next(iter(self._traced)), None)
            self._traced[text] = trace(self.sandbox(), statements)
        return self._traced[text]

    def _compared(
        self, item: Item, rule: str, paths: tuple[Path, Sequence[Path]], steps: int, wrong: str | None
    ) -> Verdict:
        """The verdict on a path beside the known ones; `wrong`: its first false step, or why it ended early."""
        path, known = paths
        answer = number(item[0].reference)  # worked solutions may end in a step that no one wrote out
        finals = {*(solution.final for solution in known), *([] if answer is None else [str(answer)])}
        right = path.final is not None and path.final in finals
        matches = (furthest(path, solution, self.matching) for solution in known)
        best = max(matches, key=lambda match: (match.share, match.step))
        evidence = {"matched": best.step, "steps": steps, "known_matched": best.known_step, "known_steps": best.known_steps}
        return self.verdict(
            item,
            "correct" if right else "incorrect",
            rule,
            cause=None if right else "wrong_step" if wrong else "wrong_end",
            value=1.0 if right else min(best.share, (best.known_steps - 1) / best.known_steps),
            extracted=None if path.final is None else printable(path.final),
            reference_form=printable(known[0].final or ""),
            evidence=canonical_json(evidence | ({"first_wrong": printable(wrong)} if wrong else {})),
        )


def known_of(problem: Problem) -> list[str]:
    """The texts of the known-correct solutions."""
    solutions = [solution for text in problem.tests if (solution := _solution_in(text)) is not None]
    if solutions:
        return solutions
    given = problem.meta.get("solution")
    texts = given if isinstance(given, list) else [given]
    return [text for text in texts if isinstance(text, str) and text.strip()] or (
        [problem.reference] if steps_of(problem.reference) or statements_of(problem.reference) is not None else []
    )


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
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    solution = entry.get("solution") if isinstance(entry, dict) else None
    return solution if isinstance(solution, str) else None


def _program_text(text: str) -> str | None:
    fenced = [block.text for block in blocks(text) if statements_of(block.text) is not None]
    return fenced[-1] if fenced else text if statements_of(text) is not None else None
