"""Statements that show a form or an example, and so give no answer: "Example: the answer is 17", "Expected format: 17".

An example with a number of its own ("Example 3: ... so the answer is 17") is worked, and a problem may ask for one
("Example: 17"): neither is shown here.
"""

import re

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
