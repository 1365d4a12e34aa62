"""The synthesizer over executable templates: problems balanced over levels, then templates.

A pure function of its options, the budget and the seed; a smaller budget gives a prefix of a larger one. Every problem
carries what regenerates it byte for byte.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128, sha256_text
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.splits import graph_allowed, on_side, templates_of
from rollmill.pipelines.synthesize.template import LEVELS, Params, Solution, Template, solution_graph
from rollmill.pipelines.synthesize.user import is_reference, load_template, source_digest

SOURCE = "rollmill-templates"
USER_SOURCE = "user-template"
LICENCE = "Apache-2.0"
VERSION = "1"

# So many fresh instances in a row that were all drawn before or belong to another split: the template has no more here.
_PATIENCE = 400


class Templates:
    """Problems from executable templates: of ours by name, of a user's by `module:Class` or `file.py:Class`.

    `recipe_folder`: where a user's are looked for; by default the current folder.
    """

    name = "templates"

    def __init__(
        self,
        *,
        levels: Sequence[int] = LEVELS,
        templates: Sequence[str] | None = None,
        skills: Sequence[str] | None = None,
        split: str = "train",
        recipe_folder: str | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            levels: Levels to draw from, 1 (easiest) to 8.
            templates: Templates to use: names of the product's, or `module:Class` and `file.py:Class`; none: all.
            skills: Only templates of these skills; none: all.
            split: Split of the problems: `train`, `heldout` or `evaluation`, which share no problem.
        """
        self.levels = _checked_levels(levels)
        self.split = split
        self.templates = _chosen(templates, skills, split, None if recipe_folder is None else Path(recipe_folder))
        users = sorted(source_digest(template) for name, template in self.templates.items() if is_reference(name))
        self.version = f"{VERSION}+{sha256_text(' '.join(users))[:12]}" if users else VERSION

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` problems with distinct prompts; SetupError when there are not so many."""
        if budget < 1:
            raise SetupError(f"a budget of {budget} problems is not possible; give 1 or more.")
        return self._problems(budget, seed)

    def _problems(self, budget: int, seed: int) -> Iterator[Problem]:
        prompts: set[str] = set()
        queues = {level: list(self.templates) for level in self.levels}
        for level, queue in queues.items():
            random.Random(_instance_seed(seed, "order", level, 0)).shuffle(queue)
        drawn: dict[tuple[int, str], int] = {}
        for index in range(budget):
            # Levels take turns, so that a smaller budget is a prefix of a larger one.
            level = self.levels[index % len(self.levels)]
            problem = self._next(level, queues[level], drawn, prompts, seed)
            if problem is None:
                raise SetupError(
                    f"only {index // len(self.levels)} distinct problems were found at level {level} of split"
                    f" {self.split!r}: too few for {budget} problems over {len(self.levels)} levels.",
                    next_command="ask for fewer problems, or for more levels or templates",
                )
            yield problem

    def _next(
        self, level: int, queue: list[str], drawn: dict[tuple[int, str], int], prompts: set[str], seed: int
    ) -> Problem | None:
        """The next new problem of a level; templates take turns, and one that has no more leaves the queue."""
        while queue:
            name = queue.pop(0)
            for _ in range(_PATIENCE):
                # Attempts count by template and level: an instance does not depend on which other templates there are.
                attempt = drawn[level, name] = drawn.get((level, name), -1) + 1
                problem = self._attempt(name, level, _instance_seed(seed, name, level, attempt))
                if problem is not None and problem.prompt_id not in prompts:
                    prompts.add(problem.prompt_id)
                    queue.append(name)
                    return problem
        return None

    def _attempt(self, reference: str, level: int, seed: int) -> Problem | None:
        template = self.templates[reference]
        rng = random.Random(seed)
        params = template.sample(level, rng)
        if not on_side(self.split, template.name, params):  # before solving: nine of ten are on the other side
            return None
        drawn = _Instance(level, seed, params, rng.randrange(template.phrasings), template.solve(params))
        return _problem(template, reference, drawn, self.split) if graph_allowed(self.split, drawn.solution) else None


def regenerate(problem: Problem) -> Problem:
    """A problem made again from its template, level and seed; a user's template file must still exist."""
    reference = str(problem.meta.get("reference", problem.template))
    if is_reference(reference):
        template = load_template(reference)
    elif reference in TEMPLATES:
        template = TEMPLATES[reference]()
    else:
        raise unknown_name("template", reference, TEMPLATES)
    if problem.level is None or "seed" not in problem.meta:
        raise SetupError(f"problem {problem.id} was not made by a template: it has no level or seed.")
    seed = int(problem.meta["seed"])
    rng = random.Random(seed)
    # Chance is taken in the order in which `_attempt` takes it: parameters first, then the wording.
    params = template.sample(problem.level, rng)
    drawn = _Instance(problem.level, seed, params, rng.randrange(template.phrasings), template.solve(params))
    return _problem(template, reference, drawn, problem.split)


@dataclass(frozen=True, slots=True)
class _Instance:
    """Instance of a template: everything that follows from (template, level, seed)."""

    level: int
    seed: int
    params: Params
    phrasing: int
    solution: Solution


def _problem(template: Template, reference: str, drawn: _Instance, split: str) -> Problem:
    meta: dict[str, Any] = {
        "params": dict(drawn.params),
        "phrasing": drawn.phrasing,
        "graph": solution_graph(drawn.solution),
        "steps": len(drawn.solution.steps),
        "seed": drawn.seed,
    }
    ours = not is_reference(reference)
    return Problem(
        prompt=template.render(drawn.params, drawn.phrasing),
        reference=drawn.solution.answer,
        kind="number",
        source=SOURCE if ours else USER_SOURCE,
        licence=LICENCE if ours else None,
        split=split,
        level=drawn.level,
        skill=template.skill,
        template=template.name,
        meta=meta if ours else {**meta, "reference": reference},
    )


def _instance_seed(seed: int, name: str, level: int, attempt: int) -> int:
    """53 bits, so that the number survives every JSON reader."""
    return int(digest128(["instance-seed", seed, name, level, attempt])[:16], 16) >> 11


def _checked_levels(levels: Sequence[int]) -> tuple[int, ...]:
    if not levels:
        raise SetupError("levels is empty.", choices=[str(level) for level in LEVELS])
    for level in levels:
        if isinstance(level, bool) or level not in LEVELS:
            raise SetupError(f"there is no level {level!r}.", choices=[str(level) for level in LEVELS])
    return tuple(sorted(set(levels)))


def _chosen(
    templates: Sequence[str] | None, skills: Sequence[str] | None, split: str, folder: Path | None
) -> Mapping[str, Template]:
    """The requested templates, in a fixed order, limited to the requested skills; SetupError if none is left."""
    known = templates_of(split)
    chosen: dict[str, Template] = {}
    for name in known if templates is None else templates:
        if is_reference(name):
            chosen[name] = _users(name, split, folder)
        elif name in known:
            chosen[name] = TEMPLATES[name]()
        elif name in TEMPLATES:
            raise SetupError(f"template {name!r} is not in split {split!r}.", choices=known)
        else:
            raise unknown_name("template", name, known)
    _distinct_names(chosen)
    if skills is None:
        return _some(chosen)
    present = {template.skill for template in chosen.values()}
    for skill in skills:
        if skill not in present:
            raise unknown_name("skill", skill, present)
    return _some({name: template for name, template in chosen.items() if template.skill in skills})


def _users(reference: str, split: str, folder: Path | None) -> Template:
    if split == "evaluation":
        raise SetupError(
            f"template {reference!r} cannot be in split 'evaluation': that is for templates known never to be trained on.",
            choices=["train", "heldout"],
        )
    return load_template(reference, folder)


def _distinct_names(chosen: Mapping[str, Template]) -> None:
    """Instances are identified by template name: a user's template may not take the name of another one."""
    taken: set[str] = set()
    for reference, template in chosen.items():
        if template.name in taken or (is_reference(reference) and template.name in TEMPLATES):
            raise SetupError(
                f"the template name {template.name!r} of {reference!r} is taken; give the template another name."
            )
        taken.add(template.name)


def _some(chosen: Mapping[str, Template]) -> Mapping[str, Template]:
    if not chosen:
        raise SetupError("no template is left with these options.", choices=sorted(TEMPLATES))
    return chosen
