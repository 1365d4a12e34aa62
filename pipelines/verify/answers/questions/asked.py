"""Requests of a problem's text on its answer: order, units, nouns. Reads words only.

An order is asked for in words such as "list the roots in increasing order"; an increasing function, coordinates or an
ordered pair is what the problem speaks of, and no order of the answers.

Of a sentence with several numbers ("5 red apples out of 8") the question's words choose one: the noun behind "how many", or
the unit that goes with "how long", "how much" and the like, is looked for behind each number. A number behind a preposition
(out of 8, in 7 years) tells a circumstance. None where neither decides.
"""

import re
from functools import lru_cache

from rollmill.pipelines.verify.answers.conclusion import NUMBER, UNFINISHED, concluding_number

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
_SCALE_ASKED = re.compile(r"(?i)%|\b(percent(?:age)?|dozens?|hundreds?|thousands?|millions?|billions?|trillions?)\b")
_RATIO = re.compile(r"(?i)\bratio\b")
_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?:_\{?\w\}?)?(?![A-Za-z'’])")
_ARTICLE = re.compile(r"(?<![$\w\\] )(?<!\$)\b[aAI]\b(?=\s+[a-z]{2,})")


@lru_cache(maxsize=4_096)
def order_asked(prompt: str) -> tuple[bool, bool]:
    """(unordered, ordered): a bare list may come in any order; the text asks for one. A stated order wins."""
    if _ANY_ORDER.search(prompt) is not None:
        return True, False
    ordered = _ORDERED.search(prompt) is not None
    return not ordered and _UNORDERED.search(prompt) is not None, ordered


@lru_cache(maxsize=4_096)
def scales_asked(prompt: str) -> frozenset[str]:
    """The percent sign and scale words in the text."""
    words = (match[0].lower() for match in _SCALE_ASKED.finditer(prompt))
    # Of these words only percent and percentage begin with p.
    return frozenset("%" if word[0] in "%p" else word.rstrip("s") for word in words)


def ratio_asked(prompt: str) -> bool:
    """True if the text asks about a ratio, so that 5:8 and 5/8 are one answer."""
    return _RATIO.search(prompt) is not None


@lru_cache(maxsize=4_096)
def letters_of(prompt: str) -> tuple[str, ...]:
    """The letters that the text uses as names, in the order in which it first does."""
    letters = (match[0].replace("{", "").replace("}", "") for match in _LETTER.finditer(_ARTICLE.sub(" ", prompt)))
    return tuple(dict.fromkeys(letters))


_COUNT = re.compile(
    r"(?i)\b(?:how many|number of|wie viele|cu[aá]nt[oa]s|combien d(?:e|['’])|quant[ieao]s?|сколько|ile)"
    r"(?:\s+|(?<=['’]))((?:[^\W\d_]+[\s-]){0,4}[^\W\d_]+)"
)
_ASKED_IN = re.compile(r"(?i)\b(?:how many|in|what) (\w+)(?: \w+){0,3} ?\?")
_UNITS = {
    r"\bhow much|\b(?:cost|price|money|profit|dollar|earn|spend|salary)|\bpay\b|\$": "$ dollar euro cent pound",
    r"\bpercent|%": "% percent",
    r"\bhow long|\bhow much time|\bduration": "second minute hour day week month year",
    r"\bhow old|\bage\b|\bages\b": "year",
    r"\bhow far|\bdistance|\bhow tall|\bheight|\blength": "mile kilometer km meter m foot feet inch cm yard",
    r"\bspeed|\bhow fast": "mph km/h kph mile kilometer meter",
}
_UNITS_ASKED = tuple((re.compile(pattern, re.IGNORECASE), frozenset(words.split())) for pattern, words in _UNITS.items())
_VERBS = frozenset(
    re.findall(
        r"\S+",
        "is are was were do does did will would can could has have had should must hat haben a ont tendrá tiene aura there "
        "he she it they in on at of for to more fewer less additional total",
    )
)
_CIRCUMSTANCE = re.compile(
    r"(?i)(?:\b(?:of|in|within|after|over|for|at|from|every|during|by|on|per|to|with|than|d[’']ici|dans|en|dentro de|nach"
    r"|tra|fra|sur|since|between|across|instead)\s+|[-+*/×÷]\s*)(?:(?:the|a|an|all|his|her|their|its|original|of|first|next|last|these|those|make"
    r"|\w+ing|(?<=\bto )[a-z]+)\s+)*[*$(]*\Z"
)
_TOTAL_OF = re.compile(r"(?i)\b(?:total|sum|average|profit|cost|speed|amount|price|age|number)\s+(?:of|at|to)\s+[*$(]*\Z")
_BEHIND = re.compile(r"[*$)]*(%?)((?:[\s-]+[^\W\d_][\w'’-]*){0,3})")
_OPERAND = re.compile(r"[*$)%]*(?:\s+[^\W\d_]+)?\s*[-+*/×÷=–]\s*[$(]*\d")
_THAN = re.compile(r"(?i)\b(?:more|fewer|less|older|younger|taller)\b(?=[^.]*\bthan\b)|\bthan\b.*")
_COMPARED = re.compile(r"(?i)\bhow (?:many|much) (?:more|fewer|less|older|taller)|\bdifference\b")
_WHOLE = re.compile(r"(?i)(?:\A|[.,;:]\s+)(?:(?:so|thus|therefore),? )?(?:out )?of (?:(?:the|all|these|those|her|his) )*\Z")
_AGE = re.compile(r"(?i)\bhow old\b")
_PART = re.compile(r"\s+(?:out )?of\s+(?:(?:the|all|her|his|their|those|these)\s+)?\d+")  # 5 of the 8 apples
_DIRECT = re.compile(r"[\s*$%]*(?:or|and|to|,|–|-)?[\s*$]*\Z")
_LONGEST = 400
_ENDS = (".", "!", "。", ")")


@lru_cache(maxsize=16_384)
def asked_nouns(prompt: str) -> frozenset[str]:
    """The nouns and units of which the last question of a text asks a number, in the singular."""
    text = prompt[-2_000:]
    mark = text.rfind("?")
    begin = max(text.rfind(end, 0, mark) for end in (". ", "? ", "\n", "! ")) if mark > 0 else -1
    question = text[begin + 1 :]
    counted = _COUNT.search(question)
    nouns: set[str] = set()
    for word in counted[1].split() if counted else ():
        if word.lower() in _VERBS and nouns:
            break
        nouns |= {_singular(word)} - _VERBS
    if not nouns:
        nouns = {unit for asks, units in _UNITS_ASKED if asks.search(question) for unit in units}
    return frozenset(nouns | {_singular(unit[1]) for unit in _ASKED_IN.finditer(question) if counted is None})


def asked_number(sentence: str, prompt: str) -> str | None:
    """The number that a concluding sentence gives for what is asked, as `concluding_number` writes one.

    None if the sentence gives none; "" if it has several, of which neither noun nor unit chooses one.
    """
    line = sentence.replace("`", "").replace("**", "").replace(r"\$", "$").replace(r"\%", "%")
    nouns = asked_nouns(prompt)
    compared = "than" in line and _COMPARED.search(prompt) is not None
    line = _THAN.sub("", line) if compared else line
    if (
        len(line) > _LONGEST
        or "≈" in line
        or "\\" in line
        or not sentence.rstrip(" *`").endswith(_ENDS)
        or UNFINISHED.search(line)
    ):
        return None
    numbers = [
        match
        for match in NUMBER.finditer(line)
        if not _OPERAND.match(line, match.end()) and not _WHOLE.search(line, 0, match.start())
    ]
    values = [(_matches(line, match, nouns), _is_circumstance(line, match), match) for match in numbers]
    for wanted in (
        [value for value in values if value[0] and not value[1]],
        [] if "year" in nouns and _AGE.search(prompt) else [value for value in values if value[0]],
        [value for value in values if not value[1]] if len(values) > 1 or compared else [],
    ):
        most = max((value[0] for value in wanted), default=0)
        best = [match for score, _, match in wanted if score == most]
        if wanted:
            several = len({match[0].strip(" $") for match in best}) > 1
            if several:  # Since he spent $35 of his $50, he has $15 left: the last one, if the sentence ends with it
                number = concluding_number(line)
                return number if number is not None and best[-1][0].strip(" $") in number else "" if nouns else None
            return _concluded(line, best[0], numbers)
    return None


def _matches(line: str, number: "re.Match[str]", nouns: frozenset[str]) -> int:
    """Number of the nouns around a number: behind it, or as the sign of its currency."""
    part = _PART.match(line, number.end())
    behind = _BEHIND.match(line, part.end() if part is not None else number.end())
    assert behind is not None
    words = {_singular(word) for word in re.split(r"[\s-]+", behind[2])} | {behind[1]}
    if (
        "$" in number[0]
        or line[: number.start()].rstrip("*( ").endswith("$")
        or "$" in line[number.end() : number.end() + 2]
    ):
        words |= {"$", "dollar"}
    return len(words & nouns)


def _is_circumstance(line: str, number: "re.Match[str]") -> bool:
    before = line[max(0, number.start() - 60) : number.start()]
    return _CIRCUMSTANCE.search(before) is not None and not _TOTAL_OF.search(before)


def _concluded(line: str, number: "re.Match[str]", numbers: list["re.Match[str]"]) -> str | None:
    """The chosen number with its noun, read alone: as the words around it, up to the numbers beside it, allow."""
    place = numbers.index(number)
    begin = numbers[place - 1].end() if place else 0
    stop = numbers[place + 1].start() if place + 1 < len(numbers) else len(line)
    if (place and _DIRECT.match(line[begin : number.start()])) or (
        stop < len(line) and _DIRECT.match(line[number.end() : stop])
    ):
        return None  # 3 or 4 apples
    behind = _BEHIND.match(line, number.end())
    assert behind is not None
    return concluding_number(line[begin : min(stop, behind.end())]) or concluding_number(
        line[begin : number.end()] + behind[1]
    )


def _singular(word: str) -> str:
    word = word.lower()
    return word.removesuffix("s") if len(word) > 3 else word
