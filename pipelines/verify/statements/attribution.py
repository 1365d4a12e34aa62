"""Statements that are not the text's own answer: somebody else's, or shown as a form or an example.

"Maria's answer is 17. I say 18.", "the answer is 17, says Maria": a statement behind whose value the text names its owner
is the owner's. One that begins with its owner may also speak of what the problem asks for: it is the owner's only where the
text gives another value of its own, or finds fault with the owner.

"Example: the answer is 17", "Expected format: 17": an example with a number of its own ("Example 3: ... so the answer is
17") is worked, and a problem may ask for one ("Example: 17"); neither is shown here.
"""

import re
from collections.abc import Sequence

from rollmill.pipelines.verify.statements.words import Language, key

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


_LAYOUT = r"[\s*_$(\\`\"“«]"
_ARTICLE = r"(?:(?:the|la|le|il|die|das|a|o) )?(?:(?:final|correct|right|correcta|richtige|correta) )*"
_CLAUSE = r"(?:\A|[.!?;:]\s|[-*>]\s?)[*_ ]*"
_EXAMPLE = re.compile(
    r"(?i)(?:(?:\b(?:for (?:example|instance)|e\.g\.|(?:por )?ejemplo|(?:par )?exemple|(?:zum )?beispiel|(?:por )?exemplo"
    r"|(?:(?:per|ad) )?esempio|(?:na )?przykład"
    rf"|например|пример)|{_CLAUSE}(?:as |here is |here's )?(?:an? |the |another )?(?:example|sample))"
    rf"[ *_]*[:,][ *_]*{_ARTICLE}"
    rf"|(?:例如|(?<!比)例え?ば?|示例|举例)[:：,，、]?[^。\d:：,，、]{{0,4}}){_LAYOUT}*\Z"
)
"""Introduction of an example, just before "the answer is"."""
_FORM = re.compile(
    r"(?i)(?:\b(?:example (?:final )?(?:answer|output|response|solution)|sample (?:output|response))s?[ *_]*(?::|\bis\b)"
    rf"|{_CLAUSE}(?:the )?(?:(?:expected|required|requested|desired|answer|output|response) )?format"
    r"(?: of (?:the|your) answer| attendu)?[*_ ]*(?::|(?:is|would be|should be)\b[ :]*)"
    r"|\b(?:format|write|give|put|present|state|express|enclose|enter|submit|report|box) your (?:final |own )?"
    r"(?:answers?|solutions?|results?),? (?:like|as|exactly|in (?:this|the(?: following)?) (?:way|form|format|style))\b"
    r"[^.!?\n\d]{0,30}"
    r"|\byour (?:final )?answer (?:should|must) (?:look|be (?:written|given|formatted|boxed|in))\b[^.!?\n\d]{0,30}"
    r"|\b(?:formato (?:esperado|requerido|da resposta|de (?:la )?respuesta)|erwartetes format|формат ответа"
    r"|formato (?:atteso|richiesto|della risposta)|format odpowiedzi)[*_ ]*:"
    rf"|(?:格式|書式|解答形式|回答形式)(?:为|是|は)?[:：]?)[ *_]*{_ARTICLE}{_LAYOUT}*\Z"
)
"""Introduction of a form, just before a value or "the answer is"."""


def is_shown(before: str, statement: str) -> bool:
    """True if a statement only shows a form or an example.

    Args:
        before: the line of the statement up to it.
        statement: its words up to the value; "" if it is the value alone, or a box.
    """
    if _FORM.search(before + statement):
        return True
    return bool(statement) and any(pattern.search(before) for pattern in (_EXAMPLE, _FORM))
