"""Questions whose text holds the answer, with that answer replaced by another one of its type.

Longpre et al. 2021 (arXiv:2109.05052) replace the entity that answers a question everywhere in its passage by one that
answers another question of the corpus and has the same type. A model that reads gives the new answer, one that recalls the
old one, which `meta` keeps for the metric `memorised`. All spellings of the old answer (`meta.aliases`) are replaced.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from rollmill.ground.records import CARRIED, Problem
from rollmill.pipelines.synthesize.derived.lineage import chance, lineage_meta

NAME = "other_answer"
_NUMBER = re.compile(r"[\d.,]*\d")


def other_answer(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """Each problem whose prompt holds its reference, with another answer of its type; problems without one are left out."""
    answers: dict[str, set[str]] = {}
    for problem in problems:
        answers.setdefault(answer_type(problem), set()).add(problem.reference.strip())
    return [new for problem in problems if (new := _substituted(problem, answers[answer_type(problem)], seed)) is not None]


def answer_type(problem: Problem) -> str:
    """Type of the answer: `meta.answer_type`, else `number` for a number, else the skill."""
    stated = problem.meta.get("answer_type")
    if isinstance(stated, str):
        return stated
    return "number" if _NUMBER.fullmatch(problem.reference.strip()) else f"skill {problem.skill}"


def _substituted(problem: Problem, answers: set[str], seed: int) -> Problem | None:
    old, text = problem.reference.strip(), problem.prompt
    if not isinstance(text, str) or not old:
        return None
    aliases = problem.meta.get("aliases")
    names = [old, *(str(alias).strip() for alias in aliases)] if isinstance(aliases, (list, tuple)) else [old]
    # The longest first: an alias may be a part of another.
    spelt = "|".join(re.escape(name) for name in sorted(filter(None, names), key=len, reverse=True))
    pattern = re.compile(rf"(?<!\w)(?:{spelt})(?!\w)", re.IGNORECASE)
    if not re.search(rf"(?<!\w){re.escape(old)}(?!\w)", text):
        return None
    known = {name.casefold() for name in names}
    # One that is in the text would name two things; one that contains the old answer would keep it.
    others = sorted(
        other for other in answers if other.casefold() not in known and other not in text and not pattern.search(other)
    )
    if not others:
        return None
    new = chance(NAME, problem, seed).choice(others)
    # Aliases spell the old answer.
    meta = {key: value for key, value in problem.meta.items() if key != "aliases"}
    facts = lineage_meta(NAME, [problem], seed, CARRIED, old_answer=old, answer_type=answer_type(problem))
    # As a function, since `sub` reads backslashes in a text.
    prompt = pattern.sub(lambda _: new, text)
    return replace(problem, prompt=prompt, reference=new, meta={**meta, **facts}, external_id=None)
