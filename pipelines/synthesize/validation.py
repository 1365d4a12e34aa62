"""Five recorded tests that a template must pass before it makes problems (EFA: executable functional abstractions).

- is_extractable: the object has the parts of a template;
- is_executable: sample, render and solve run at every level and give text, steps and an answer;
- has_dof: instances differ in numbers, text and answer (degrees of freedom);
- single_valued: asked again, by a fresh object, the template says the same, and one text has one answer;
- matches_original: text and code agree: every parameter is in the text, every step follows from the text's numbers (and
  the template's `constants`), the last step gives the answer, and `answer_check`, if there is one, gives it too.

They cannot detect a text that states another problem than the code computes, unless there is an independent `answer_check`.
Step lines are evaluated by code independent of the calculator that makes them; numbers are integers, decimals or fractions
such as 3/4, all taken exactly.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json, sha256_text
from rollmill.pipelines.method_checks import missing_members
from rollmill.pipelines.synthesize.template import (
    LEVELS,
    SCENERY,
    CheckedTemplate,
    Params,
    Solution,
    Template,
    TemplateWithConstants,
)

CHECKS: tuple[str, ...] = ("is_extractable", "is_executable", "has_dof", "single_valued", "matches_original")
_SEEDS = 12  # instances of each level
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class ProblemCheck:
    """A recorded test: `detail` describes the failure when it did not pass."""

    name: str
    passed: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Validation:
    """The recorded tests of one template, in the order of CHECKS; tests after a fatal one are recorded as not passed."""

    template: str
    checks: tuple[ProblemCheck, ...]

    @property
    def passed(self) -> bool:
        """True if all tests passed."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[str, ...]:
        """The names of the tests that did not pass."""
        return tuple(check.name for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True)
class _Instance:
    level: int
    seed: int
    params: Params
    texts: tuple[str, ...]
    solution: Solution


def validate(template: Any) -> Validation:
    """Run the five tests on a template (a class without arguments, or an object); never raises on a bad template."""
    missing = missing_members("template", template)
    parts = f"it has no usable {', '.join(missing)}" if missing else ""
    checks = [ProblemCheck("is_extractable", not missing, parts)]
    cls = template if isinstance(template, type) else type(template)
    # A template that lacks a name is reported by that of its class.
    name = cls.__name__ if "name" in missing else template.name
    instances: list[_Instance] = []
    if checks[0].passed:
        checks.append(_recorded("is_executable", lambda: _executable(template, instances)))
    # The other tests read instances, which a template that does not run has none of.
    if len(checks) == 2 and checks[1].passed:
        checks.append(_recorded("has_dof", lambda: _degrees_of_freedom(instances)))
        checks.append(_recorded("single_valued", lambda: _single_valued(template, instances)))
        checks.append(_recorded("matches_original", lambda: _matches(template, instances)))
    checks += [ProblemCheck(later, passed=False, detail="not reached") for later in CHECKS[len(checks) :]]
    return Validation(name, tuple(checks))


def require_valid(template: Any, reference: str) -> None:
    """Raise a SetupError that names the first failed test of a user's template."""
    for check in validate(template).checks:
        if not check.passed:
            raise SetupError(
                f"template {reference!r} fails {check.name}: {check.detail}.",
                next_command="mend the template and run the command again",
            )


def fingerprint(template: Any) -> str:
    """Hash of a template's problems at every level for some seeds; equal in every process for a valid template."""
    fresh = _fresh(template)
    instances = [_instance(fresh, level, seed) for level in LEVELS for seed in range(_SEEDS)]
    contents = [[dict(i.params), i.texts, i.solution.steps, i.solution.answer] for i in instances]
    return sha256_text(canonical_json(contents))


def parameter_numbers(params: Params) -> Iterator[int]:
    """Every number among the parameters that the text must state: all integers but the level and scenery."""
    for key, value in params.items():
        if key != "level" and key not in SCENERY:
            yield from _numbers(value)


def _numbers(value: Any) -> Iterator[int]:
    # A bool is an int, and no text states it as a number.
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers(item)


def _recorded(name: str, test: Callable[[], str | None]) -> ProblemCheck:
    """A test's outcome; whatever a template raises is a finding about it, not an error of ours."""
    try:
        detail = test()
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
    return ProblemCheck(name, detail is None, detail or "")


def _fresh(template: Any) -> Template:
    fresh: Template = template() if isinstance(template, type) else template
    return fresh


def _executable(template: Any, instances: list[_Instance]) -> str | None:
    fresh = _fresh(template)
    for level in LEVELS:
        for seed in range(_SEEDS):
            instance = _instance(fresh, level, seed)
            instances.append(instance)
            solution = instance.solution
            # Called for what it raises: parameters are stored as JSON in the problem's meta.
            canonical_json(dict(instance.params))
            if not all(isinstance(text, str) and text.strip() for text in instance.texts):
                return f"a text at level {level} is empty"
            if not solution.steps or not isinstance(solution.answer, str) or not solution.answer:
                return f"a solution at level {level} has no steps or no answer text"
    return None


def _instance(template: Template, level: int, seed: int) -> _Instance:
    params = template.sample(level, random.Random(seed))
    texts = tuple(template.render(params, phrasing) for phrasing in range(template.phrasings))
    return _Instance(level, seed, params, texts, template.solve(params))


def _degrees_of_freedom(instances: list[_Instance]) -> str | None:
    for level in LEVELS:
        here = [instance for instance in instances if instance.level == level]
        for what, values in (
            ("parameters", {canonical_json(dict(instance.params)) for instance in here}),
            # One wording alone: two wordings of the same numbers are different texts.
            ("texts", {instance.texts[0] for instance in here}),
            ("answers", {instance.solution.answer for instance in here}),
        ):
            if len(values) < 2:
                return f"{len(here)} instances at level {level} have the same {what}"
    return None


def _single_valued(template: Any, instances: list[_Instance]) -> str | None:
    answers: dict[str, str] = {}
    fresh = _fresh(template)
    for instance in instances:
        again = _instance(fresh, instance.level, instance.seed)
        if again != instance:
            return f"level {instance.level}, seed {instance.seed} gives another instance when asked again"
        for text in instance.texts:
            # Across all levels, since two of them may have one text.
            if answers.setdefault(text, instance.solution.answer) != instance.solution.answer:
                return f"one text has the answers {answers[text]} and {instance.solution.answer}: {text!r}"
    return None


def _matches(template: Any, instances: list[_Instance]) -> str | None:
    fresh = _fresh(template)
    constants = {Fraction(number) for number in (fresh.constants if isinstance(fresh, TemplateWithConstants) else ())}
    for instance in instances:
        for text in instance.texts:
            stated = numbers_in(text)
            # Texts state losses as unsigned numbers ("gives away 5"), and `numbers_in` reads no signs.
            missing = [number for number in parameter_numbers(instance.params) if abs(number) not in stated]
            if missing:
                return f"the parameter {missing[0]} is not in the text {text!r}"
            wrong = check_steps(instance.solution.steps, instance.solution.answer, stated | constants)
            if wrong:
                return f"{wrong} ({text!r})"
        answer = instance.solution.answer
        if isinstance(fresh, CheckedTemplate) and (checked := str(fresh.answer_check(instance.params))) != answer:
            return f"solve says {answer}, answer_check {checked} ({instance.texts[0]!r})"
    return None


def evaluate_line(line: str) -> tuple[Fraction, Fraction, Fraction]:
    """The operands and result of a line `a op b = c`; ValueError if it is not one or not true."""
    parts = line.split(" ")
    if len(parts) != 5 or parts[3] != "=" or parts[1] not in {"+", "-", "*", "/", "%"}:
        raise ValueError(f"{line!r} is not of the form 'a op b = c'")
    a, b, stated = (Fraction(parts[index]) for index in (0, 2, 4))
    if parts[1] in "/%" and b == 0:
        raise ValueError(f"{line!r} divides by zero")
    if _result(parts[1], a, b) != stated:
        raise ValueError(f"{line!r} is not true")
    return a, b, stated


def check_steps(steps: Iterable[str], answer: str, given: Iterable[int | Fraction]) -> str | None:
    """Reason why the steps do not lead from the given numbers to the answer, or None when they do.

    Every operand must be given or the result of an earlier step, every line true, and the answer the last result or (as in
    Euclid's algorithm) an operand of the last line.
    """
    known = {Fraction(number) for number in given}
    last: tuple[Fraction, ...] = ()
    try:
        for line in steps:
            a, b, result = last = evaluate_line(line)
            unknown = [str(number) for number in (a, b) if number not in known]
            if unknown:
                return f"{line!r} uses {unknown[0]}, which is neither in the text nor an earlier result"
            known.add(result)
        return None if Fraction(answer) in last else f"the answer {answer} is not what the last step gives"
    # `Fraction("1/0")` raises ZeroDivisionError.
    except (ValueError, ZeroDivisionError) as error:
        return str(error)


def numbers_in(text: str) -> set[Fraction]:
    """The unsigned numbers that a text states in digits."""
    return {Fraction(number) for number in _NUMBER.findall(text)}


def _result(op: str, a: Fraction, b: Fraction) -> Fraction:
    if op == "+":
        return a + b
    if op == "-":
        return a - b
    if op == "*":
        return a * b
    return a / b if op == "/" else a - b * (a // b)
