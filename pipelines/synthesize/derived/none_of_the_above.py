"""Multiple choice with one option replaced by "None of the above", which is right where it replaced the right one.

WiCkeD (Elhady et al. 2025): the option is chosen uniformly, so with n options the new one is right for one problem in n,
and a model can no longer find the answer by ranking options. Items that would make no sense are left unchanged and marked:
if the question asks for the best or the least of the options, or an option mentions the others. The paper has a classifier
decide that; here it is a list of words. The source problem is never changed: a copy that shares its options would give it a
wrong key.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rollmill.ground.records import CARRIED, Problem
from rollmill.pipelines.synthesize.derived.lineage import chance, lineage_meta
from rollmill.pipelines.verify.choice import META_KEYS, options_of

NAME = "none_of_the_above"
NONE = "None of the above"
_RELATIVE = re.compile(
    r"\b(?:best|most|least|closest|nearest|not|except|incorrect|false|largest|smallest|greatest|main|primar\w+|likely)\b",
    re.IGNORECASE,
)
_ABOUT_OTHERS = re.compile(
    r"\b(?:(?:all|none|neither|both|any) of (?:the|these)|(?:both )?[A-J] and [A-J]\b|none$|neither$)", re.IGNORECASE
)


def none_of_the_above(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """Each multiple-choice problem transformed, or unchanged with the reason; problems without options are left out."""
    return [new for problem in problems if (new := _transformed(problem, seed)) is not None]


def _transformed(problem: Problem, seed: int) -> Problem | None:
    if not isinstance(problem.prompt, str):
        return None
    options = dict(options_of(problem.meta, problem.prompt))
    right = problem.reference.strip().strip("()").upper()
    # An option whose text stands twice could be replaced in the wrong place.
    if len(options) < 2 or right not in options or any(problem.prompt.count(text) != 1 for text in options.values()):
        return None
    reason = incoherent(problem.prompt.partition(next(iter(options.values())))[0], options.values())
    if reason is not None:
        return replace(problem, meta={**problem.meta, **lineage_meta(NAME, [problem], seed, CARRIED, left=reason)})
    letter = chance(NAME, problem, seed).choice(sorted(options))
    new, reference = with_none(options, right, letter)
    meta = {key: value for key, value in problem.meta.items() if key not in META_KEYS}
    facts = lineage_meta(NAME, [problem], seed, CARRIED, hidden=options[letter], right=letter == right)
    prompt = _with_options(problem.prompt, options, new)
    return replace(problem, prompt=prompt, reference=reference, meta={**meta, "options": new, **facts})


def with_none(options: Mapping[str, str], right: str, hidden: str) -> tuple[dict[str, str], str]:
    """The options without that of the letter `hidden` and with the new one last; and the letter that is right then."""
    # The new option stands last, where people look for it; those behind the hidden one move up by one letter.
    texts = [*(options[letter] for letter in sorted(options) if letter != hidden), NONE]
    new = dict(zip(sorted(options), texts, strict=True))
    wanted = NONE if hidden == right else options[right]
    return new, next(letter for letter, text in new.items() if text == wanted)


def _with_options(prompt: str, old: dict[str, str], new: dict[str, str]) -> str:
    """The prompt with the text of each letter replaced, from the last place to the first."""
    for place, letter in sorted(((prompt.index(text), letter) for letter, text in old.items()), reverse=True):
        prompt = prompt[:place] + new[letter] + prompt[place + len(old[letter]) :]
    return prompt


def incoherent(question: str, options: Iterable[str]) -> str | None:
    """Reason why the item would make no sense with the new option; None if it would."""
    if match := _RELATIVE.search(question):
        return f"the question compares options ({match[0].lower()})"
    if any(_ABOUT_OTHERS.search(text) for text in options):
        return "an option speaks of the others"
    return None
