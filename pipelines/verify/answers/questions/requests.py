"""What a problem's text asks of its answer: an order of several values, a ratio, the names it uses. Reads words only.

An order is asked for in words such as "list the roots in increasing order"; an increasing function, coordinates or an
ordered pair is what the problem speaks of, and no order of the answers.
"""

import re

_ASKS = (
    r"\b(?:list|give|write|enter|express|find|state|answers?|sort|arrange|order|put|what|which|report|return|submit|name"
    r"|determine|compute|calculate|rank|provide|present|separate|type|solve)\b"
)
_LEAST = r"(?:smallest|least|lowest|shortest|lightest|youngest|fewest|slowest|earliest|first)"
_MOST = r"(?:largest|greatest|highest|longest|heaviest|oldest|most|biggest|fastest|latest|last)"
_ORDERED = re.compile(
    rf"(?i){_ASKS}[^.?!]*?\b(?:"
    r"(?:ascending|descending|increasing|decreasing|numerical|alphabetical|chronological|reverse) order"
    r"|(?:in|by) (?:(?:the|their|its|that|this|correct|right|proper|same|following|given|above) )*order(?! to\b)"
    rf"|from (?:the )?{_LEAST} (?:\w+ )?to\b|from (?:the )?{_MOST} (?:\w+ )?to\b|(?:{_LEAST}|{_MOST}) (?:\w+ )?first"
    r"|respectively|as an? ordered|ordered (?:list|tuple|pair \(|triple \())"
    r"|(?:\A|[.!?:]\s+|,\s+(?:and )?|\b(?:then|please|and|to) |\$ )"
    r"(?:sort|order|arrange|rank) (?:the|these|them|those|all|from|your|\$|\d)"
)
_ANY_ORDER = re.compile(
    r"(?i)\b(?:in (?:any|either|whatever|no particular) order"
    r"|order (?:does not|doesn't|is not|isn't) (?:matter|important))\b"
)
_EXTREME = r"(?:minimum|maximum|min|max|smallest|largest|least|greatest|lowest|highest)"
_UNORDERED = re.compile(
    r"(?i)\b(?:solutions|roots|zeros|zeroes|separated by commas|prime factors|eigenvalues"
    r"|(?:all|both|the (?:two|three|four)|two|three|four|which|what|for which|for what) "
    r"(?:of )?(?:the )?(?:other )?(?:possible )?"
    r"(?:(?:distinct|different|real|integer|complex|positive|negative|natural|prime|whole|rational|ordered) ){0,3}"
    r"(?:values|numbers|integers|primes|divisors|factors|pairs|triples|triplets|quadruples|tuples|functions|points|solutions"
    r"|sequences|lists|sets|polynomials|intersections|vertices|lengths|angles)"
    rf"|{_EXTREME}(?: \w+)? and (?:the )?{_EXTREME}"
    r"|(?:find|determine|list|give|name|identify) (?:all|both|every)"
    r"|points? of intersection|intersection points|(?:critical|fixed|inflection|lattice) points)\b"
)
_RATIO = re.compile(r"(?i)\bratio\b")
_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?:_\{?\w\}?)?(?![A-Za-z'’])")
_ARTICLE = re.compile(r"(?<![$\w\\] )(?<!\$)\b[aAI]\b(?=\s+[a-z]{2,})")


def order_asked(prompt: str) -> tuple[bool, bool]:
    """(unordered, ordered): a bare list may come in any order; the text asks for one. A stated order wins."""
    if _ANY_ORDER.search(prompt) is not None:
        return True, False
    ordered = _ORDERED.search(prompt) is not None
    return not ordered and _UNORDERED.search(prompt) is not None, ordered


def ratio_asked(prompt: str) -> bool:
    """True if the text asks about a ratio, so that 5:8 and 5/8 are one answer."""
    return _RATIO.search(prompt) is not None


def letters_of(prompt: str) -> tuple[str, ...]:
    """The letters that the text uses as names, in the order in which it first does."""
    letters = (match[0].replace("{", "").replace("}", "") for match in _LETTER.finditer(_ARTICLE.sub(" ", prompt)))
    return tuple(dict.fromkeys(letters))
