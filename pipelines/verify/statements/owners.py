"""Owners of a stated answer: "Maria's answer is 17. I say 18.", "the answer is 17, says Maria".

A statement behind whose value the text names its owner is the owner's. One that begins with its owner may also speak of
what the problem asks for ("Maria's answer is 17"): it is the owner's only where the text gives another value of its own,
or finds fault with the owner.
"""

import re
from collections.abc import Sequence

from pipelines.verify.statements.words import Language, key

_REACH = 300  # characters before and behind a statement in which a value of the text's own is looked for


def is_another_persons(
    text: str, place: tuple[int, int], said: str, around: tuple[str, str], languages: Sequence[Language]
) -> bool:
    """True if a statement is somebody else's by the words around it.

    Args:
        place: begin and end of the statement.
        said: its value, as `key` writes it.
        around: its clause up to the value, and its sentence behind it.
    """
    upto, behind = around
    for language in languages:
        named = language.attributed.match(behind)
        if named is not None and not language.endorses.match(behind, named.end()):
            return True
    after = text[place[1] : place[1] + _REACH].replace("’", "'")
    owning = [language for language in languages if language.owned.search(upto) or language.owns.match(after)]
    if not owning:
        return False
    before = text[max(0, place[0] - _REACH) : place[0]].replace("’", "'")
    return any(
        _gives_another(language.mine, before, said, language)
        or _gives_another(language.counters, after, said, language)
        or language.errs.search(after)
        for language in owning
    )


def _gives_another(pattern: re.Pattern[str], text: str, said: str, language: Language) -> bool:
    """True if a text gives a value of its own that is another one, and does not only suppose it."""
    return any(
        key(match["value"]) != said and not language.supposes.search(text, 0, match.start())
        for match in pattern.finditer(text)
    )
