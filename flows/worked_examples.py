"""The form in which a recipe asks: template, system message, worked examples of its own or taken from a problem set.

An example that is also one of the problems asked would show the model the answer: that is refused.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rollmill.flows.problem_sets import imported_problems, kept_texts, of_split, version_problems
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.recipe.schema import ExamplesFrom, Generate
from rollmill.ground.errors import SetupError
from rollmill.ground.formats.prompt_template import plain_text
from rollmill.ground.records import Problem
from rollmill.pipelines.generate.example_choice import Example, ExampleChoice
from rollmill.pipelines.generate.prompts import PromptForm
from rollmill.storage.workspace import Workspace

ROLLOUT = "{rollout}"


@dataclass(frozen=True, slots=True)
class Examples:
    """Source of a recipe's worked examples, and the asked problems, which may not be examples."""

    workspace: Workspace
    loaded: LoadedRecipe
    asked: Sequence[Problem]

    def form_of(self, generate: Generate) -> PromptForm:
        """Prompt form of a section of the recipe; SetupError if an example is also an asked problem."""
        examples = tuple(Example(example.prompt, example.answer, example.skill) for example in generate.examples)
        if generate.examples_from is not None:
            examples = tuple(self._taken(generate.examples_from))
            self._refuse_fewer(generate.examples_from, examples)
        self._refuse_asked(examples)
        one_text, part = generate.prompt_form == "completion", generate.examples_from
        choice = None if part is None or part.choose == "first" else ExampleChoice(part.choose, part.count, part.seed)
        return PromptForm(generate.prompt_template, generate.system_prompt, examples, one_text, choice)

    def _taken(self, part: ExamplesFrom) -> list[Example]:
        problems, kept = self._set(part), self._kept(part)
        # Of named problems, one without a kept rollout is an error (_answer) and not left out.
        if kept is not None and not part.ids:
            problems = [problem for problem in problems if problem.id in kept]
        return [
            Example(
                plain_text(problem.prompt), _answer(part, problem, kept or {}), problem.skill if part.per_skill else None
            )
            for problem in _chosen(part, problems)
        ]

    def _kept(self, part: ExamplesFrom) -> dict[str, str] | None:
        """Kept rollouts by problem where the answers are rollouts; None for other answers."""
        if ROLLOUT not in part.answer:
            return None
        _, version = self._source(part)
        if version is None:
            raise SetupError(
                f"examples_from: {ROLLOUT} is a kept rollout of a dataset version, and it names none.",
                next_command="examples_from: {version: NAME}",
            )
        return kept_texts(self.workspace, version)

    def _source(self, part: ExamplesFrom) -> tuple[str | None, str | None]:
        """Import and version of the examples: its own, or those of the recipe's problems."""
        own = self.loaded.recipe.problems
        # Both come from one place: an import of the examples and a version of the problems would be two sets.
        return (part.imported, part.version) if part.imported or part.version else (own.imported, own.version)

    def _set(self, part: ExamplesFrom) -> list[Problem]:
        imported, version = self._source(part)
        if imported is not None:
            return of_split(imported_problems(self.workspace, imported), part.split, imported)
        if version is not None:
            return of_split(version_problems(self.workspace, version), part.split, version)
        raise SetupError(
            "examples_from names no problem set, and the recipe's own problems are made by a synthesizer.",
            next_command="examples_from: {imported: NAME, split: train}",
        )

    def _refuse_fewer(self, part: ExamplesFrom, examples: Sequence[Example]) -> None:
        """Every problem is asked with the same number of examples, or its rate would be of another task."""
        have = Counter(example.skill for example in examples)
        groups = {problem.skill if part.per_skill else None for problem in self.asked}
        short = sorted((group for group in groups if not part.ids and have[group] < part.count), key=str)
        if short:
            of = "" if short[0] is None else f" of skill {short[0]!r}"
            raise SetupError(
                f"examples_from wants {part.count} examples{of}, and its problem set has {have[short[0]]}.",
                next_command="import the split with the examples, or lower examples_from.count",
            )

    def _refuse_asked(self, examples: Sequence[Example]) -> None:
        questions = {plain_text(problem.prompt).strip() for problem in self.asked} if examples else set()
        # Stripped, as a space more or less at the ends would hide that it is the asked problem.
        shown = next((example for example in examples if example.question.strip() in questions), None)
        if shown is not None:
            raise SetupError(
                f"the worked example {shown.question[:60]!r} is one of the problems that are asked.",
                next_command="ask and show different splits: split: test of the problems, split: train of examples_from",
            )


def _chosen(part: ExamplesFrom, problems: Sequence[Problem]) -> list[Problem]:
    """Examples by their ids, in that order; else the first by id, a random sample, of the set or of each skill.

    All of them where each problem has examples of its own.
    """
    if part.ids:
        # People name problems by the external id, the product by its own.
        known = {key: problem for problem in problems for key in (problem.external_id, problem.id)}
        missing = [name for name in part.ids if name not in known]
        if missing:
            raise SetupError(f"examples_from: no problem with the id {missing[0]!r} among these {len(problems)}.")
        return [known[name] for name in part.ids]
    # Each problem chooses among all of them when it is asked (ExampleChoice).
    if part.choose != "first":
        return list(problems)
    taken: Counter[str | None] = Counter()
    chosen = []
    for problem in problems:
        group = problem.skill if part.per_skill else None
        taken[group] += 1
        if taken[group] <= part.count:
            chosen.append(problem)
    return chosen


def _answer(part: ExamplesFrom, problem: Problem, kept: Mapping[str, str]) -> str:
    """Answer of an example; SetupError for a problem without the solution or the kept rollout that it shows."""
    solution, name = problem.meta.get("solution"), problem.external_id or problem.id
    if ROLLOUT in part.answer and problem.id not in kept:
        raise SetupError(
            f"examples_from: the version kept no rollout of problem {name}.", choices=('answer: "{reference}"', "other ids")
        )
    if "{solution}" in part.answer and not isinstance(solution, str):
        raise SetupError(
            f"examples_from: problem {name} has no worked solution.",
            choices=('answer: "{reference}"',),
        )
    texts = {"{reference}": problem.reference, "{solution}": str(solution), ROLLOUT: kept.get(problem.id, "")}
    # Not str.format: a template may hold braces of its own, such as those of \boxed{}, and so may a rollout.
    return re.sub(r"\{(?:reference|solution|rollout)\}", lambda found: texts[found[0]], part.answer)
