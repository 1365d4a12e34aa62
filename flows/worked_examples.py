"""The form in which a recipe asks: template, system message, worked examples of its own or taken from a problem set.

An example that is also one of the problems asked would show the model the answer: that is refused.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flows.problem_sets import imported_problems, of_split, version_problems
from flows.recipe.load import LoadedRecipe
from flows.recipe.schema import ExamplesFrom, Generate
from pipelines.generate.prompts import Example, PromptForm, plain_text
from storage.ground.errors import SetupError
from storage.ground.records import Problem
from storage.workspace import Workspace

ANSWERS = ("{reference}", "{solution}")


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
        one_text = generate.prompt_form == "completion"
        return PromptForm(generate.prompt_template, generate.system_prompt, examples, one_text)

    def _taken(self, part: ExamplesFrom) -> list[Example]:
        chosen = _chosen(part, self._set(part))
        return [
            Example(plain_text(problem.prompt), _answer(part, problem), problem.skill if part.per_skill else None)
            for problem in chosen
        ]

    def _set(self, part: ExamplesFrom) -> list[Problem]:
        own = self.loaded.recipe.problems
        imported, version = (part.imported, part.version) if part.imported or part.version else (own.imported, own.version)
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
        shown = next((example for example in examples if example.question.strip() in questions), None)
        if shown is not None:
            raise SetupError(
                f"the worked example {shown.question[:60]!r} is one of the problems that are asked.",
                next_command="ask and show different splits: split: test of the problems, split: train of examples_from",
            )


def _chosen(part: ExamplesFrom, problems: Sequence[Problem]) -> list[Problem]:
    """By their ids in that order; else the first by id, which is a random sample, of the set or of each skill."""
    if part.ids:
        known = {problem.external_id: problem for problem in problems}
        missing = [name for name in part.ids if name not in known]
        if missing:
            raise SetupError(f"examples_from: no problem with the id {missing[0]!r} among these {len(problems)}.")
        return [known[name] for name in part.ids]
    taken: Counter[str | None] = Counter()
    chosen = []
    for problem in problems:
        group = problem.skill if part.per_skill else None
        taken[group] += 1
        if taken[group] <= part.count:
            chosen.append(problem)
    return chosen


def _answer(part: ExamplesFrom, problem: Problem) -> str:
    solution = problem.meta.get("solution")
    if "{solution}" in part.answer and not isinstance(solution, str):
        raise SetupError(
            f"examples_from: problem {problem.external_id or problem.id} has no worked solution.",
            choices=('answer: "{reference}"',),
        )
    # Not str.format: a template may hold braces of its own, such as those of \boxed{}.
    return part.answer.replace("{reference}", problem.reference).replace("{solution}", str(solution))
