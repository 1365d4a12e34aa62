"""The synthesizer `self_instruct`: a model writes new problems after examples of a version (Wang et al. 2022).

Each request shows a few problems of one skill, most of the source and some that were made before, and asks for another one.
What nearly repeats a source problem or an earlier one is refused; a solver finds the reference. Examples are of one split,
whose problems may be learned from: a benchmark's problems shown as examples would be rewritten into training data.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.lineage import lineage_meta
from rollmill.pipelines.synthesize.derived.written.authored import FORM, Authors, NewProblem, WritingSettings
from rollmill.pipelines.synthesize.sources import Source, required
from rollmill.roles.engine_roles import Samplers

ASK = "Here are problems with their answers.\n\n{examples}\n\nWrite one more problem of this kind, about something else."
# As in the paper, where 2 of 8 examples are generated.
_OWN = 0.25  # of the examples: problems that were made before


class SelfInstruct:
    """Problems after `shots` examples. `ask`: the request, with `{examples}`; `split`: of which the examples are.

    `writer` and `solver`: models (keys as in `generate`). `reference`: majority or round_trip, elected by `votes` of the
    solver of which `least` must agree. `near`: the similarity at which a text repeats another.
    """

    name = "self_instruct"

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        *,
        shots: int = 4,
        ask: str = ASK,
        split: str = "train",
        writer: Mapping[str, Any] | None = None,
        solver: Mapping[str, Any] | None = None,
        reference: str = "round_trip",
        votes: int = 8,
        least: float = 0.6,
        near: float = 0.7,
        source: Source | None = None,
        samplers: Samplers | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            shots: Examples shown in each request.
            ask: Text of the request, with `{examples}`.
            split: Split that the examples come from.
            writer: The model that writes problems, with the keys of `generate`; none: the shipped model.
            solver: The model that solves them for the reference, with the keys of `generate`; none: the shipped model.
            reference: Origin of a reference: `majority` of the solver's answers, or `round_trip`, where the writer's
                answer must be the elected one.
            votes: Solutions drawn for each reference.
            least: Share of the solutions that must agree.
            near: Similarity from which a text counts as a copy.
        """
        if shots < 1 or "{examples}" not in ask:
            raise SetupError(
                f"self_instruct: shots {shots}, ask {ask[:40]!r}.", choices=("shots 1 or more", "{examples} in ask")
            )
        options = {"writer": writer, "solver": solver, "reference": reference, "votes": votes, "least": least, "near": near}
        self._terms, self.shots, self.ask, self.split = WritingSettings.of(self.name, options), shots, ask, split
        self.source, self._samplers, self.refused = source, samplers, dict[str, int]()
        self.version = "1" if samplers is None else f"1 {Authors.version(self._terms, samplers)}"

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems; fewer if round after round gives none."""
        source = required(self.source, self.name)
        groups = _groups(problem for problem in source.problems if problem.split == self.split)
        if not groups:
            raise SetupError(f"{source.name} has no problems of split {self.split!r} to show as examples.")
        authors = Authors(self._terms, self._samplers, (str(problem.prompt) for problem in source.problems))
        return self._problems(groups, authors, budget, seed)

    def _problems(self, groups: Mapping[str, list[Problem]], authors: Authors, budget: int, seed: int) -> Iterator[Problem]:
        self.refused = authors.refusals.counts
        own: dict[str, list[Problem]] = defaultdict(list)
        rounds = authors.rounds(
            budget, seed, lambda numbers: [self._request(number, groups, own, seed) for number in numbers]
        )
        for written in rounds:
            problems = [self._problem(draft, seed) for draft in written]
            for problem in problems:
                own[_group(problem)].append(problem)
            yield from problems

    def _request(
        self, number: int, groups: Mapping[str, list[Problem]], own: Mapping[str, list[Problem]], seed: int
    ) -> tuple[list[Problem], str]:
        rng = random.Random(digest128([self.name, seed, number]))
        name = sorted(groups)[number % len(groups)]
        earlier = own.get(name, [])
        mine = rng.sample(earlier, min(len(earlier), int(self.shots * _OWN)))
        given = groups[name]
        shown = [*rng.sample(given, min(len(given), self.shots - len(mine))), *mine]
        rng.shuffle(shown)
        examples = "\n\n".join(f"Problem: {problem.prompt}\nAnswer: {problem.reference}" for problem in shown)
        return shown, f"{self.ask.replace('{examples}', examples)}\n{FORM}"

    def _problem(self, one: NewProblem[list[Problem]], seed: int) -> Problem:
        """A problem with the kind and skill of its examples, and with their licence if they share one."""
        first, licences = one.about[0], {problem.licence for problem in one.about}
        return Problem(
            one.text,
            one.reference.text,
            kind=first.kind,
            source=self.name,
            licence=licences.pop() if len(licences) == 1 else None,
            split=self.split,
            skill=first.skill,
            meta=lineage_meta(self.name, one.about, seed, one.reference.origin, **one.reference.facts),
        )


def _groups(problems: Iterator[Problem]) -> dict[str, list[Problem]]:
    """Problems that can be examples together: of one kind and skill, each a text with a reference."""
    groups: dict[str, list[Problem]] = defaultdict(list)
    for problem in problems:
        if isinstance(problem.prompt, str) and problem.reference:
            groups[_group(problem)].append(problem)
    return groups


def _group(problem: Problem) -> str:
    return f"{problem.kind} {problem.skill or ''}"
