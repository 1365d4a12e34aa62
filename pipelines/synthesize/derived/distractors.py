"""The synthesizer `distractors`: open problems of a version as multiple choice, wrong options being what models answered.

The options are the reference and the wrong answers that the source's rollouts give most often: each is plausible because a
model gave it, and `meta` has its frequency. With `none_of_the_above` WiCkeD (Elhady et al. 2025) hides one of them. An
answer is refused as an option if its canonical form is that of the key or of another option, or if a verdict calls it
right: a right distractor would make two keys.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import CARRIED, MADE, Problem
from rollmill.pipelines.arithmetic import whole_number
from rollmill.pipelines.synthesize.derived.lineage import chance, lineage_meta
from rollmill.pipelines.synthesize.derived.none_of_the_above import incoherent, with_none
from rollmill.pipelines.synthesize.sources import Source, SourceRollout, required
from rollmill.pipelines.verify.answers.equality import EqualityContext, policy_named, same_quantity
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.choice import LETTERS, META_KEYS, options_of

_LONGEST = 200  # characters of an option
_NEAR = (-1, 1, -2, 2, -10, 10)

Wrong = Mapping[str, Counter[str]]


class Distractors:
    """Problems of choice with `options` options. `fill`: if rollouts give too few wrong answers, numbers near the key.

    `least`: so many rollouts must have given an answer before it is an option.
    """

    name = "distractors"
    version = "1"

    def __init__(
        self,
        *,
        options: int = 4,
        least: int = 1,
        fill: bool = False,
        none_of_the_above: bool = False,
        source: Source | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            options: Options of each question.
            least: Rollouts that must have given an answer before it becomes an option.
            fill: Add numbers near the key if rollouts give too few wrong answers.
            none_of_the_above: Replace one option by "None of the above".
        """
        if not 2 <= options <= len(LETTERS) or least < 1:
            valid = (f"options 2 to {len(LETTERS)}", "least 1 or more")
            raise SetupError(f"distractors: options {options}, least {least}.", choices=valid)
        self.options, self.least, self.fill = options, least, fill
        self.none_of_the_above, self.source = none_of_the_above, source

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems, in order of the source; those with too few wrong answers are left out."""
        source, count = required(self.source, self.name), 0
        wrong = wrong_answers(source.rollouts())
        for problem in source.problems:
            if count >= budget:
                return
            new = self._of_choice(problem, wrong.get(problem.id, Counter()), seed)
            if new is not None:
                count += 1
                yield new

    def _of_choice(self, problem: Problem, wrong: Counter[str], seed: int) -> Problem | None:
        if not isinstance(problem.prompt, str) or not problem.reference or options_of(problem.meta, problem.prompt):
            return None
        rng = chance(self.name, problem, seed)
        chosen = self._chosen(problem, wrong, rng)
        if len(chosen) < self.options - 1:
            return None
        texts = [problem.reference.strip(), *chosen]
        rng.shuffle(texts)
        listed, right = dict(zip(LETTERS, texts, strict=False)), LETTERS[texts.index(problem.reference.strip())]
        facts = {"wrong": {text: wrong[text] for text in chosen}, "answer": problem.reference}
        if self.none_of_the_above:
            listed, right, more = _hidden(problem.prompt, listed, right, rng)
            facts |= more
        # `seed` would make the open problem again, and the old lineage is not that of this one.
        kept = {key: value for key, value in problem.meta.items() if key not in (*META_KEYS, "seed", MADE)}
        return replace(
            problem,
            prompt="\n".join([problem.prompt, *(f"{letter}) {text}" for letter, text in listed.items())]),
            reference=right,
            kind="choice",
            tests=(),
            meta={**kept, "options": listed, **lineage_meta(self.name, [problem], seed, CARRIED, **facts)},
            external_id=None,
        )

    def _chosen(self, problem: Problem, wrong: Counter[str], rng: random.Random) -> list[str]:
        """The most frequent wrong answers; among equals the seed decides, so that none is preferred for its spelling."""
        often = [text for text in wrong if wrong[text] >= self.least]
        often.sort(key=lambda text: (-wrong[text], rng.random()))
        return distinct(problem, [*often, *(near(problem.reference, rng) if self.fill else ())])[: self.options - 1]


def _hidden(
    question: str, options: dict[str, str], right: str, rng: random.Random
) -> tuple[dict[str, str], str, dict[str, Any]]:
    """The options with one replaced by "None of the above", or unchanged if that would make no sense, with the reason."""
    reason = incoherent(question, options.values())
    if reason is not None:
        return options, right, {"left": reason}
    letter = rng.choice(sorted(options))
    new, now = with_none(options, right, letter)
    return new, now, {"hidden": options[letter], "right": letter == right}


def wrong_answers(rollouts: Iterable[SourceRollout]) -> dict[str, Counter[str]]:
    """Counts of the wrong answers to each problem, by their most usual spelling; an answer that was ever right is left
    out.
    """
    spelt: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    right: dict[str, set[str]] = defaultdict(set)
    for rollout in rollouts:
        text = (rollout.answer or "").strip()
        # Options stand on a line each.
        if not text or len(text) > _LONGEST or "\n" in text:
            continue
        if rollout.outcome == "incorrect":
            spelt[rollout.problem_id][read(text).form][text] += 1
        elif rollout.outcome == "correct":
            right[rollout.problem_id].add(read(text).form)
    return {
        problem: Counter({_usual(texts): texts.total() for form, texts in forms.items() if form not in right[problem]})
        for problem, forms in spelt.items()
    }


def _usual(texts: Counter[str]) -> str:
    return min(texts, key=lambda text: (-texts[text], len(text), text))


def distinct(problem: Problem, texts: Sequence[str]) -> list[str]:
    """The texts in order, without those that are the key or one before them in other words."""
    # Lenient: what a generous policy takes for the key must not be a wrong option.
    context = EqualityContext(str(problem.prompt), policy_named("lenient"))
    kept = [problem.reference.strip()]
    for text in texts:
        if not any(_same(text, other, context) for other in kept):
            kept.append(text)
    return kept[1:]


def _same(one: str, other: str, context: EqualityContext) -> bool:
    left, right = read(one), read(other)
    if left.form == right.form or one.casefold() == other.casefold():
        return True
    numbers = left.quantity, right.quantity
    return numbers[0] is not None and numbers[1] is not None and same_quantity(numbers[0], numbers[1], context)


def near(reference: str, rng: random.Random) -> list[str]:
    """Numbers near an integer, in random order; none for other answers."""
    value = whole_number(reference.strip())
    if value is None:
        return []
    # Some of these may be the key itself, as the double of 0; `distinct` leaves them out.
    near = [value + step for step in _NEAR] + [2 * value, value // 2]
    rng.shuffle(near)
    return [str(number) for number in near if number >= 0]
