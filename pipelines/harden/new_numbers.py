"""The same problem with other numbers: same template, wording, people and solution graph, the answer computed anew.

Only where a program knows the answer: problems of executable templates. A model that learned a benchmark by heart goes on
giving the old answer, which `meta` keeps (entity substitution, Longpre et al. 2021, with numbers for names).
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from pipelines.harden.lineage import chance, lineage
from pipelines.synthesize.library import TEMPLATES
from pipelines.synthesize.template import SCENERY, CheckedTemplate, solution_graph
from storage.records import Problem

NAME = "new_numbers"
_ATTEMPTS = 400  # instances that are sampled until one has the same graph and another answer


def new_numbers(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """Each problem of a shipped template with other numbers; others are left out, and those of which there is no second."""
    return [made for problem in problems if (made := _transformed(problem, seed)) is not None]


def of_template(problem: Problem) -> bool:
    """Whether a program of ours gives the answer to this problem."""
    return problem.template in TEMPLATES and problem.level is not None and "params" in problem.meta


def _transformed(problem: Problem, seed: int) -> Problem | None:
    if not of_template(problem):
        return None
    assert problem.template is not None
    assert problem.level is not None
    template, rng = TEMPLATES[problem.template](), chance(NAME, problem, seed)
    scenery = {key: problem.meta["params"][key] for key in SCENERY if key in problem.meta["params"]}
    for _ in range(_ATTEMPTS):
        params = {**template.sample(problem.level, random.Random(rng.getrandbits(53))), **scenery}
        solution = template.solve(params)
        if solution.answer == problem.reference or solution_graph(solution) != problem.meta["graph"]:
            continue
        prompt = template.render(params, problem.meta["phrasing"])
        if isinstance(template, CheckedTemplate) and template.answer_check(params) != solution.answer:
            raise RuntimeError(f"template {template.name} gives two answers: {prompt}")
        hardened = lineage(NAME, [problem], seed, old_answer=problem.reference)
        kept = {key: value for key, value in problem.meta.items() if key != "seed"}  # which would regenerate the source
        meta = {**kept, "params": params, "steps": len(solution.steps), "hardened": hardened}
        return replace(problem, prompt=prompt, reference=solution.answer, meta=meta, external_id=None)
    return None
