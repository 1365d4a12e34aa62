"""Problems with other numbers: same template, wording, people and solution graph, and a recomputed answer.

Only where a program knows the answer: problems of executable templates. A model that memorised a benchmark keeps giving the
old answer, which `meta` keeps (entity substitution, Longpre et al. 2021, with numbers for names). New numbers are on the
side of the problem's split, so that a held-out problem does not become one that was trained on.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.lineage import chance, lineage_meta
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.splits import SPLITS, on_side
from rollmill.pipelines.synthesize.template import SCENERY, CheckedTemplate, Params, solution_graph

NAME = "new_numbers"
_ATTEMPTS = 400  # instances that are sampled until one has the same graph and another answer


def new_numbers(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """Each problem of a shipped template with other numbers; a problem without a second instance is left out."""
    return [new for problem in problems if (new := renumbered(problem, seed)) is not None]


def of_template(problem: Problem) -> bool:
    """True if a program of ours gives the answer to this problem."""
    return problem.template in TEMPLATES and problem.level is not None and "params" in problem.meta


def numbers_fit_split(problem: Problem, params: Params) -> bool:
    """True if a template's numbers may be in the split of this problem; a split that is not ours keeps nothing apart."""
    return problem.split not in SPLITS or on_side(problem.split, str(problem.template), params)


def renumbered(problem: Problem, seed: int, by: str = NAME, **facts: Any) -> Problem | None:
    """The problem with other numbers; None if it has no template of ours or only one instance."""
    if not of_template(problem):
        return None
    assert problem.level is not None
    template, rng = TEMPLATES[str(problem.template)](), chance(NAME, problem, seed)
    scenery = {key: problem.meta["params"][key] for key in SCENERY if key in problem.meta["params"]}
    for _ in range(_ATTEMPTS):
        params = {**template.sample(problem.level, random.Random(rng.getrandbits(53))), **scenery}
        if not numbers_fit_split(problem, params):
            continue
        solution = template.solve(params)
        if solution.answer == problem.reference or solution_graph(solution) != problem.meta["graph"]:
            continue
        prompt = template.render(params, problem.meta["phrasing"])
        if isinstance(template, CheckedTemplate) and template.answer_check(params) != solution.answer:
            raise RuntimeError(f"template {template.name} gives two answers: {prompt}")
        kept = {key: value for key, value in problem.meta.items() if key != "seed"}  # which would regenerate the source
        lineage = lineage_meta(by, [problem], seed, old_answer=problem.reference, **facts)
        meta = {**kept, "params": params, "steps": len(solution.steps), **lineage}
        return replace(problem, prompt=prompt, reference=solution.answer, meta=meta, external_id=None)
    return None
