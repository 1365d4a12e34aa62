"""Two problems joined: the answer to the first is a number of the second (Compositional GSM, Hosseini et al. 2024).

Three problems come of each pair: the first as it is, the second with the number X given, and both in one with X to be
found. The composed problem's `meta` names its two parts, as the metric `compositional_gap` wants them. A number of the
second problem's template is replaced by the first answer and the answer is computed anew; pairs are joined whose number and
answer stay of about the same size, and no step of which falls below zero.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pipelines.harden.lineage import chance, lineage
from pipelines.harden.new_numbers import of_template
from pipelines.synthesize.library import TEMPLATES
from pipelines.synthesize.template import SCENERY, CheckedTemplate, Params, solution_graph
from storage.records import Problem

NAME = "chains"


def chains(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """First, second and composed problem of every pair that can be joined; each problem is in one pair at most."""
    usable = sorted((problem for problem in problems if of_template(problem)), key=lambda problem: problem.id)
    usable.sort(key=lambda problem: chance(NAME, problem, seed).random())
    made: list[Problem] = []
    while usable:
        second = usable.pop(0)
        for first in usable:
            composed = _composed(first, second, seed)
            if composed:
                made += composed
                usable.remove(first)
                break
    return made


def _composed(first: Problem, second: Problem, seed: int) -> list[Problem]:
    """The three problems, none where no number of the second can be the first's answer."""
    if not isinstance(first.prompt, str) or not first.reference.isdigit():
        return []
    assert second.template is not None
    value, template = int(first.reference), TEMPLATES[second.template]()
    for params, number in _joined(second.meta["params"], value):
        text, places = re.subn(rf"(?<!\d){value}(?!\d)", "X", template.render(params, second.meta["phrasing"]))
        if places != 1 or not _near(number, value):
            continue
        try:
            solution = template.solve(params)
        except (ArithmeticError, ValueError):
            continue
        answer = solution.answer
        if not answer.isdigit() or int(answer) < 1 or not _near(int(second.reference), int(answer)):
            continue
        if solution_graph(solution) != second.meta["graph"] or any("= -" in step for step in solution.steps):
            continue
        if isinstance(template, CheckedTemplate) and template.answer_check(params) != answer:
            continue  # outside what the template was made for
        return _three(first, second, (text, answer), seed)
    return []


def _joined(params: Params, value: int) -> Iterator[tuple[dict[str, Any], int]]:
    """The parameters with one of their numbers replaced, and that number; of lists each entry is one."""
    for key, old in params.items():
        if key == "level" or key in SCENERY:
            continue
        if type(old) is int:
            yield {**params, key: value}, old
        elif isinstance(old, (list, tuple)):
            for place, entry in enumerate(old):
                if type(entry) is int:
                    yield {**params, key: [*old[:place], value, *old[place + 1 :]]}, entry


def _near(old: int, new: int) -> bool:
    return 0 < new <= 2 * abs(old) + 1 and abs(old) <= 2 * new + 1


def _three(first: Problem, second: Problem, joined: tuple[str, str], seed: int) -> list[Problem]:
    """`joined`: the text of the second problem with X in it, and its answer."""
    (text, answer), value = joined, first.reference
    own: Mapping[str, Any] = {"hardened": lineage(NAME, [first], seed, role="first")}
    plain = replace(first, meta={**first.meta, **own})
    sources = [first, second]
    bare = {"graph": None, "hardened": lineage(NAME, sources, seed, role="second", bridge=value)}
    given = replace(second, prompt=f"X is {value}. {text}", reference=answer, meta=bare, external_id=None)
    prompt = f"Let X be the answer to this problem: {first.prompt}\nNow solve this one: {text}"
    whole = {"graph": None, "parts": [plain.id, given.id]}
    hardened = lineage(NAME, sources, seed, role="composed", bridge=value)
    level = max(first.level or 1, second.level or 1)
    composed = replace(
        second,
        prompt=prompt,
        reference=answer,
        level=level,
        template=f"{first.template}+{second.template}",
        meta={**whole, "hardened": hardened},
        external_id=None,
    )
    return [plain, given, composed]
