"""The synthesizer `archive`: one round of MAP-Elites (Mouret and Clune 2015) over a version whose problems were solved.

Cells are level x skill x length. The elite of a cell is the problem from which most is to be learned: 4 p (1 - p) of its
pass rate p over completions fixed before any verdict. Elites are kept unchanged, so no cell's score falls from round to
round; the rest are children: a random elite with other numbers, at a neighbouring level, or joined with another one. The
next run measures them, and its version is the next round's source.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import COMPUTED, JUDGED, MADE, Problem
from rollmill.pipelines.synthesize.derived.cells import Cell, Elite, best_of_cells, cell_of
from rollmill.pipelines.synthesize.derived.chains import composed_with_parts
from rollmill.pipelines.synthesize.derived.grid import checked_axes
from rollmill.pipelines.synthesize.derived.joined import first_hop, joined
from rollmill.pipelines.synthesize.derived.lineage import lineage_meta, lineage_of, unchanged_problem
from rollmill.pipelines.synthesize.derived.new_numbers import numbers_fit_split, of_template, renumbered
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.sources import Source, SourceRollout, required
from rollmill.pipelines.synthesize.splits import graph_allowed
from rollmill.pipelines.synthesize.template import LEVELS, solution_graph

_IDLE = 200  # children in a row that are nothing new: nothing more comes of these elites

Mutation = Callable[[Problem, Sequence[Problem], random.Random], Problem | None]


def other_numbers(problem: Problem, _: Sequence[Problem], rng: random.Random) -> Problem | None:
    """Variation with the same level and wording."""
    # Another seed each time, or a parent would always have the same child.
    return renumbered(problem, rng.getrandbits(40))


def other_level(problem: Problem, _: Sequence[Problem], rng: random.Random) -> Problem | None:
    """An instance of the same template at a neighbouring level."""
    if not of_template(problem) or problem.level is None:
        return None
    template, level = TEMPLATES[str(problem.template)](), problem.level + rng.choice((-1, 1))
    if level not in LEVELS:
        return None
    params = template.sample(level, rng)
    solution = template.solve(params)
    # A child stays in the split of its parent, and so must its numbers and its graph.
    if not numbers_fit_split(problem, params) or not graph_allowed(problem.split, solution):
        return None
    phrasing = rng.randrange(template.phrasings)
    meta = {"params": dict(params), "phrasing": phrasing, "graph": solution_graph(solution), "steps": len(solution.steps)}
    prompt = template.render(params, phrasing)
    return replace(problem, prompt=prompt, reference=solution.answer, level=level, meta=meta, external_id=None)


def joined_pair(problem: Problem, elites: Sequence[Problem], rng: random.Random) -> Problem | None:
    """A problem composed of an elite of the same split and this one, in which the elite's answer stands for a number; None
    where the two do not fit.
    """
    begun = first_hop(rng.choice(elites))
    if begun is None or begun.problem.id == problem.id or begun.problem.split != problem.split:
        return None
    hop = joined(problem, int(begun.answer), "X")
    # The seed does not matter here: `_child` writes the recipe's into the lineage.
    return None if hop is None else composed_with_parts([begun, hop], 0, "archive")[-1]


MUTATIONS: Mapping[str, Mutation] = {"numbers": other_numbers, "level": other_level, "joined": joined_pair}


class Archive:
    """`axes` as of `grid`. `mutations`: which children there are, of MUTATIONS. `least`: completions of a score."""

    name = "archive"
    version = "1"

    def __init__(
        self,
        *,
        axes: Sequence[str] = ("level", "skill", "length"),
        mutations: Sequence[str] = ("numbers", "level", "joined"),
        least: int = 2,
        source: Source | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            axes: What the cells are made of: `level`, `skill`, `length`, `template`.
            mutations: Kinds of children: other `numbers`, another `level`, two problems `joined`.
            least: Judged completions that a problem needs before its pass rate counts.
        """
        for mutation in mutations:
            if mutation not in MUTATIONS:
                raise unknown_name("mutation of synthesizer 'archive'", str(mutation), MUTATIONS)
        if not mutations or least < 1:
            raise SetupError("archive: it needs a mutation, and least is 1 or more.", choices=MUTATIONS)
        self.axes, self.mutations = checked_axes(axes, self.name), tuple(mutations)
        self.least, self.source = least, source

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems: the elites in order of their cells, then children."""
        source = required(self.source, self.name)
        elites = elites_of(source, self.axes, self.least)
        if not elites:
            raise SetupError(f"no problem of {source.name} has {self.least} judged completions that were fixed beforehand.")
        if len(elites) > budget:
            raise SetupError(
                f"{len(elites)} cells have an elite: {budget} problems would lose some of them.",
                next_command="a larger count, or fewer axes",
            )
        # Not a generator itself, so that a wrong source is refused at the call and not at the first problem.
        return self._problems(source, elites, budget, seed)

    def _problems(self, source: Source, elites: Mapping[Cell, Elite], budget: int, seed: int) -> Iterator[Problem]:
        for cell, elite in sorted(elites.items()):
            yield unchanged_problem(self.name, elite.problem, seed, cell=list(cell), score=elite.score)
        rng, parents = random.Random(digest128([self.name, seed])), [elites[cell].problem for cell in sorted(elites)]
        prompts, missing, idle = {problem.prompt_id for problem in source.problems}, budget - len(elites), 0
        while missing > 0 and idle < _IDLE:
            mutation, parent = rng.choice(self.mutations), rng.choice(parents)
            child = MUTATIONS[mutation](parent, parents, rng)
            if child is None or child.prompt_id in prompts:
                idle += 1
                continue
            prompts.add(child.prompt_id)
            missing, idle = missing - 1, 0
            yield self._child(child, parent, mutation, seed)

    def _child(self, child: Problem, parent: Problem, mutation: str, seed: int) -> Problem:
        # A chain is computed again from its hops.
        kept = {key: value for key, value in lineage_of(child).items() if key in ("sources", "bridges", "hops", "role")}
        lineage = lineage_meta(self.name, [parent], seed, COMPUTED, mutation=mutation, cell=list(cell_of(child, self.axes)))
        return replace(child, meta={**child.meta, MADE: {**lineage[MADE], **kept}})


def elites_of(source: Source, axes: Sequence[str], least: int) -> dict[Cell, Elite]:
    """The best problem of each cell among those with at least `least` judged completions that were fixed beforehand."""
    judged, right = counts_of(source.rollouts())
    known = [problem for problem in source.problems if judged.get(problem.id, 0) >= least]
    return best_of_cells(((problem, learnable(right[problem.id] / judged[problem.id])) for problem in known), axes)


def counts_of(rollouts: Iterator[SourceRollout]) -> tuple[dict[str, int], dict[str, int]]:
    """Judged and correct completions of each problem, of those fixed before any verdict."""
    judged: dict[str, int] = defaultdict(int)
    right: dict[str, int] = defaultdict(int)
    for rollout in rollouts:
        if rollout.measured and rollout.outcome in JUDGED:
            judged[rollout.problem_id] += 1
            right[rollout.problem_id] += rollout.outcome == "correct"
    return judged, right


def learnable(rate: float) -> float:
    """4 p (1 - p): 1 if half of the completions are right, 0 if all or none are."""
    return 4.0 * rate * (1.0 - rate)
