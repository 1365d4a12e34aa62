"""The number that a sentence concludes with ("So she pays 17 dollars."), or None if the sentence says something else.

The words around the number decide. A relation (`x < 17`), a function (log 17, the square root of 17), a factor (half of
17), an exception (any number except 17) or an unknown (1/x = 17) before it makes another answer of it, and so do words
behind it (17 or more). `negative` and `minus` are its sign. Doubt gives None: another reader of the text may know more.
"""

import re

from rollmill.pipelines.verify.answers.expressions.numerals import in_digits
from rollmill.pipelines.verify.answers.expressions.quantity import PER_CENT, parse_quantity, scale_word
from rollmill.pipelines.verify.answers.expressions.units import CHANGING, SHORT_UNITS, turning_words, without_counted

UNFINISHED = re.compile(
    r"(?i)\b(?:let(?! me)|need to|we can|if|suppose|assume|step|again|short of|than|not|isn't|cannot|\w+n['’]t|wrong"
    r"|incorrect|false|unknown|undefined|impossible)\b|(?<!差)不(?!同)"
)
"""Words that continue a line, or take back its statement."""
_OF_ITSELF = re.compile(
    r"(?i)\b(?:my|our)\s+(?:confidence|certainty)\b|\btook\s+(?:me|us)\s+[\d,.]+\s+(?:tries|attempts)\b"
    r"|\b(?:sum|difference|product|half|double|twice|square|reciprocal|negative|opposite) of (?:the|our|my) answer\b"
    r"|\b(?:twice|half|double) (?:the|our|my) answer\b|\banswer (?:plus|minus|times|divided|squared|doubled|halved)\b"
)
"""A sentence about the way to the answer, or about another number that the answer has a part in."""
_ROUNDED = re.compile(r"((?<![\w.])\d+\s*/\s*\d+)\s*(?:≈|\\approx)\s*\d[\d.,]*(?:\s?\\?%)?")  # 2/15 ≈ 13.3%
_BESIDE = re.compile(r"(?i)\b(?:out of|in|within|after|d[’']ici|dans|en|dentro de|nach|tra|fra) (?:a total of |all )?\Z")
_TIME = re.compile(
    r"(?i)\W*(?:more )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|mois|ans|jours|años|meses|días|jahren?)\b"
)
_DASHES = "−–—‐‑﹣－-"
NUMBER = re.compile(
    rf"(?<![.\\^_])(?<![^\W\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])[+{_DASHES}]?\s?(?:\\?[$€£])?\s?-?(?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+)(?:\.\d+)?(?:\s*/\s*\d+)?|(?<![\w.])-?\.\d+"
)
_IN_DOLLARS = re.compile(
    rf"(?<!\\)\$\$?\s*([+{_DASHES}]?[\d.,/]*\d(?:\s*\\?%)?)\s*(?<!\\)\$\$?|\\\(\s*([+{_DASHES}]?[\d.,/]*\d(?:\s*\\?%)?)\s*\\\)"
)
_SPAN = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]|\$\$(.+?)\$\$|(?<!\\)\$((?:\\.|[^$\\])+)\$")
_UNMARKED = re.compile(
    r"(?<=\s)[*`]*([-−(]?[^\sA-Za-z*`]{0,30}[√π∞²³⁴](?:[^\sA-Za-z*`]{0,30}[^\sA-Za-z*`.,;!])?)[*`]*(?=[\s.,;!]|\Z)"
)
_CLOCK = re.compile(
    r"\b(\d{1,2}(?::\d\d)?)\s?([AaPp])\.?\s?[Mm]\b"
    r"|\b(\d{1,2}:\d\d) (?:(in the morning)|in the (?:afternoon|evening)|at night\b)"
)
_SPELLED_RUN = re.compile(
    r"(?i)(?<![\w-])(?:(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million)\b(?:[\s-]+(?:and )?(?=[a-z]))?)+"
)
_AND = re.compile(r"[\s*]*(?:,|;|,?\s*(?:and|or))[\s*]*\Z")
_AFTER_SPAN, _BEFORE = 40, 400
_STAND_IN = "123454321"  # a number that no text holds
_FIRST_WORDS = re.compile(r"(?:[^\s.,;:(]*\s*){0,5}")
_GOES_ON = re.compile(
    r"[\W\s]*(?:\d|\\overline|(?:or|and|base|mod|possibly|maybe|perhaps|remainder)\b)|[.,;:(\s]*(?:\$|\\\()"
)
_AFTER = re.compile(
    r"[*)$°%]*+(?:[A-Za-z][A-Za-z'’-]*+(?:[²³]|\^\{?\d\}?)?)?+(?:[\s,]++[A-Za-z][A-Za-z'’-]*+(?:[²³]|\^\{?\d\}?)?){0,6}+[\s,.!*)$]*+\Z"
)
_JOINED = re.compile(
    r"\b(?:and|or|as\s+well\s+as)\b|\A\W*(?:\\text\W*)?(?!(?:is|are|was|has|have|had|gives?|gets?|leaves?|leaving|makes?|making|equals?|total|left)\b)"
    r"[A-Za-z]*\W*\Z(?<![=:])|\A(?:[\s*$,;:…]|\.{2,}|\\[lc]?dots)+\Z"
)
_NEXT_WORD = re.compile(r"(\s*)([A-Za-z][A-Za-z'’-]*(?:[²³]|\^\{?\d\}?)?|[%°])")
_CHANGED_BEHIND = re.compile(
    r"(?i)\b(?:(?:or|and)\s+(?:more|less|fewer|greater|larger|smaller|above|below|higher|lower|up|over|under|so)"
    r"|and\s+(?:an?|one|two|three|four|five|seven)\s+(?:half|halves|thirds?|quarters?|fourths?|\w+ths?)"
    r"|at\s+(?:least|most)|at\s+(?:a\s+)?(?:minimum|maximum)|never|no|nor|except|excluded|excluding"
    r"|to\s+the\s+\w+|in\s+(?:base|binary|octal|hex\w*)|base|per\s+(?:hundred|thousand|mille?|million)"
    r"|(?:when|for|where|with|per)\s+\$?[b-hj-z])\b|n['’]t\b|\A(?:\.\.|…)|\A![\s.]*(?:\$|\\[)\]])"
)
_BELOW_ZERO = re.compile(r"(?i)\b(?:below\s+(?:zero|freezing|sea|the)|in\s+(?:debt|the\s+red))\b")
_MARKUP = re.compile(r"\A(?:[*$)]|\\[)\]])+")
_LAYOUT = re.compile(r"(?:[\s*_\"“‘]|\\[(\[,;:! ]|\\q?quad|\\displaystyle|\\\$|\$)+\Z")
_ATTACHED_LETTER = re.compile(r"(?:\A|[^A-Za-z])[A-Za-z](?:\$|\\[($])\Z|\.\.\W*\Z")
_ATTACHED_DASH = re.compile(rf"(?:\A|[\s$(:,])([{_DASHES}])(?:[*_$]|\\[($])+\Z")
_SIGN = re.compile(r"(?i)\b(?:negative|minus)\Z")
_NEAR = r"(?:\s+(?:of|the|an?|number|numbers|value|values|from|for|to|by|about|exactly|all|any|every|integers?))*"
_CHANGING_WORDS = (
    r"half|halves|thirds?|quarters?|fourths?|fifths?|tenths?|twice|thrice|double|doubled|triple|tripled|quadruple|times|plus"
    r"|minus|neg|negative|opposite|inverse|reciprocal|conjugate|negation|square|squared|cube|cubed|roots?|sqrt|cbrt|powers?"
    r"|exponent|exponential|exp|log|logarithm|ln|lg|a?(?:rc)?(?:sin|cos|tan|cot|sec|csc|cosec)h?|sine|cosine|tangent|absolute"
    r"|modulus|modulo|mod|base|erf|gamma|factorial|floor|ceil|ceiling|sign|sgn|gcd|lcm|gcf|hcf|max|min|det"
)
_CHANGED = re.compile(
    rf"(?i)\b(?:{_CHANGING_WORDS}|multiples?|factors?|divisors?|divisible|divides|remainder|quotient|product|difference|fractions?"
    r"|percentage|over|under|above|below|beyond|exceeds?|exceeding|between|within|except|excepting|excluding|exclude|excludes"
    r"|including|but|besides|without|unless|never|neither|nor|no|other|near|least|most|minimum\s+of|maximum\s+of|upto|until|till"
    r"|before|after|as\s+(?:many|much|few|little|high|low|long)\s+as|solution|solutions|option|question|problem|equation|eq"
    r"|exercise|example|theorem|lemma|figure|section|chapter|case"
    r"|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
    r"|(?:hundred|thousand|million|billion|trillion|dozen)(?:\s+and)?)" + _NEAR + r"\Z"
)
_TO = re.compile(r"(?i)\bto(?:\s+(?:about|exactly|only|just|approximately|around|roughly|the))?\Z")
_LEADS_TO = re.compile(
    r"(?i)(?<!not )(?<!\w\wn.t )\b(?:equals?|equivalent|amount\w*|comes?|coming|came|adds?|sums?|summing|totals?|totall?ing"
    r"|simplif\w+|reduc\w+|evaluat\w+|rounds?|rounded|boils|corresponds?|works?|leads?|leading|increas\w+|decreas\w+|gr[eo]ws?|ris(?:es|ing)|rose"
    r"|falls?|fell|drop\w*|goes|changes?|changed|brings?|bringing|brought|takes?|taking|due)(?:\s+\w+){0,3}\s+to(?:\s+\w+)?\Z"
)
_BY = re.compile(r"(?i)\bby(?:\s+(?:about|exactly|only|just|approximately|around|a\s+total\s+of))?\Z")
_LEADS_BY = re.compile(
    r"(?i)\b(?:increas|decreas|gr[eo]w|ris|rose|fall|fell|drop|chang|differ|reduc|exceed|lower|older|younger|taller|shorter|longer"
    r"|bigger|larger|smaller|more|less|fewer|ahead|w[io]n|lost|beat)\w*(?:\s+\w+){0,4}\s+by(?:\s+\w+)*\Z"
)
_FROM = re.compile(r"(?i)\b(?:from|versus|vs)(?:\s+(?:the|about|exactly))?\Z")
_SHARE = re.compile(r"(?i)[\d%]\s*(?:of|in|out\s+of|by|per|at|to|x)(?:\s+the)?\Z")
_OF = re.compile(r"(?i)\b(\w+)\s+of(?:\s+(?:the|an?|about|exactly|only|just))?\Z")
_COUNTED = frozenset(
    re.findall(
        r"\S+",
        "total sum average mean median mode cost price value amount number answer result rate speed distance length width "
        "height depth area volume perimeter circumference radius diameter weight mass age profit loss gain income salary "
        "revenue budget balance bill fee tax discount score count population temperature probability chance percentage "
        "time duration savings change payment debt earnings expense interest maximum minimum limit size capacity out all "
        "consists made makes grand whole combined set",
    )
)
"""Nouns whose `of` names the number itself: a total of 17."""
_ARITHMETIC = re.compile(
    r"\\(?:times|cdot|div|[dt]?frac|left|right|[,;! ]|%|\$)|\\text\s*\{[^{}]*\}|(?<=\d)\s*x\s*(?=[\d$(])"
)
_UNKNOWN = re.compile(
    r"\d\s*[A-Za-z]\b|\b[A-Za-z]\s*[-+*/^!(]|[-+*/^√|({]\s*[A-Za-z]\b(?!\s+[a-z]{2})|[\\√|]|\b[A-Za-z]\s*:\s*[A-Za-z]\s*\Z"
)
_CHANGED_UNKNOWN = re.compile(rf"(?i)(?<![A-Za-z])(?:{_CHANGING_WORDS})(?![a-z])(?:.*[^A-Za-z])?[A-Za-z]\s*\Z")
_RAISED_UNKNOWN = re.compile(r"(?i)(?<![A-Za-z'’])[a-z]\s+(?:squared|cubed|plus|minus|times|over|divided\s+by)\b")
_SUBJECT = re.compile(r"(?i)\s(?:is|equals?|was|are)(?:\s+(?:then|exactly|just|only|equal\s+to))?\Z")
_SUBJECT_CLAUSE = re.compile(r"(?i)[,;:]|\.\s|\b(?:so|thus|hence|therefore|then|that|and|gives?|get|have|is|are)\b")
_NO_QUANTITY = frozenset(("the", "this", "its", "answer", "squared", "cubed", "divided", "text", "frac"))
_PRODUCT = re.compile(r"(?<![A-Za-z\\])(?!(?:it|us|me|he|is|be|cm|km|kg|mm|ft|in|hr|oz|lb|mg|ml|mi|yd)\b)[a-z]{2}\s*\Z")
_SPELLED = str.maketrans(
    {**dict.fromkeys(_DASHES, "-"), "·": "*", "⋅": "*", "×": "*", "÷": "/", **dict.fromkeys("²³⁴⁵⁶⁷⁸⁹ⁿ", "^")}
)
_ASSIGNED = re.compile(r"(?<![A-Za-z\\\d)^+*/-])([A-Za-z](?:_\w)?)\s*=(?!=)")
_CONCLUDES = re.compile(
    r"(?i)\b(?:so|thus|hence|therefore|then|gives?|giving|get|implies|means|which|finally|yields?|we)\b|(?<!\.)\.\s|[⇒→]|[=-]>"
    r"|\\(?:implies|Rightarrow|to|rightarrow|therefore)(?![A-Za-z])"
)
_OPENED, _CLOSED = re.compile(r"(?<!\\)[(\[{]|\\\{"), re.compile(r"(?<!\\)[)\]}]|\\\}")
_CLAUSE = re.compile(r"[,;:]|\.\s|\b(?:so|thus|hence|therefore|then|that|is|are|and|gives?|get|have)\b", re.IGNORECASE)
_TENDS = re.compile(r"(?:^|[^A-Za-z\\])[A-Za-z]\s*(?:→|⟶|->|\\(?:to|rightarrow|longrightarrow))\Z")
_CHINESE = re.compile(r"(?:[是为為有得共剩了要到花付需はが총은는]|모두|(?<![大小])(?<!大于)(?<!小于)(?<!不)等于)\Z")
_PICTURE = re.compile("[\u2600-\u2714\u2717-\u2794\u2798-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f]\\Z")


def concluding_number(line: str) -> str | None:
    """The last number of a concluding sentence with its sign and the word behind it, when it is the only candidate.

    None if the sentence concludes nothing, if more than a few words follow, where "and", "or", a comma or a range
    joins the last two numbers, or if the words around it make another number, or a set of numbers, of it.
    """
    line = _ROUNDED.sub(r"\1", line.replace("`", ""))
    line = line if any(map(str.isdigit, line)) else _with_digits(line)
    line = PER_CENT.sub("percent", _IN_DOLLARS.sub(lambda match: match[1] or match[2], line))
    matches = list(NUMBER.finditer(line))
    if not matches or UNFINISHED.search(line) or _OF_ITSELF.search(line):
        return None
    start, end = matches[-1].span()
    if not line.isascii():
        line = line[:end] + without_counted(line[end:])
    if not _AFTER.match(line, end) or _CHANGED_BEHIND.search(line[end:]):
        return None
    if len(matches) > 1 and _JOINED.search(line[matches[-2].end() : start]):
        return None
    if len(matches) > 1 and _BESIDE.search(line, 0, start) and (line[:start].endswith("of ") or _TIME.match(line, end)):
        return None  # 5 red apples out of 8; 9 years old in 7 years
    sign = sign_before(line[:start], line[start:end])
    if sign is None:
        return None
    number = _with_words(line[start:end], line[end:])
    return sign + number.lstrip() if sign and number else number


def _with_digits(line: str) -> str:
    """The line with its only number in words, forty-two, as digits; a lone "one" or "zero" mostly concludes nothing."""
    runs = list(_SPELLED_RUN.finditer(line))
    if len(runs) != 1 or runs[0][0].strip().lower() in ("zero", "one"):
        return line
    words = runs[0][0].rstrip(" -")
    digits = in_digits(words)
    return line[: runs[0].start()] + digits + line[runs[0].start() + len(words) :] if digits.isdigit() else line


def concluding_time(line: str) -> str | None:
    """The only time of day of a sentence that denies nothing: it arrives at **12:15 PM**."""
    times = {
        f"{match[1] or match[3]} {(match[2] or ('a' if match[4] else 'p')).lower()}m" for match in _CLOCK.finditer(line)
    }
    return times.pop() if len(times) == 1 and not UNFINISHED.search(line) else None


def concluding_formula(line: str, *, after_phrase: bool) -> str | None:
    """The formula between dollars or brackets that a sentence concludes with, and those that "and" or "or" joins to it.

    It is the last one, near the end of the line, or the one right behind "the answer is" (`after_phrase`). The words around
    it are read with a number in its place.
    """
    spans = list(_SPAN.finditer(line)) or list(_UNMARKED.finditer(line))
    if not spans:
        return None
    at_once = after_phrase and not _LAYOUT.sub("", line[: spans[0].start()])
    first = last = 0 if at_once else len(spans) - 1
    while at_once and last + 1 < len(spans) and _AND.match(line[spans[last].end() : spans[last + 1].start()]):
        last += 1
    while first and _AND.match(line[spans[first - 1].end() : spans[first].start()]):
        first -= 1
    behind = line[spans[last].end() :]
    if after_phrase:
        first_words = _FIRST_WORDS.match(behind)
        assert first_words is not None
        if _GOES_ON.match(behind, first_words.end()):
            return None  # $17$ (or 18)
        behind = first_words[0]
    elif len(behind) > _AFTER_SPAN:
        return None
    number = concluding_number(f"{line[: spans[first].start()]}${_STAND_IN}${behind}")
    sign, stand_in, words = (number or "").partition(_STAND_IN)
    if not stand_in or (words and not _NEXT_WORD.match(words)):
        return None
    joiner = " or " if "or" in line[spans[first].end() : spans[last].start()] else ", "
    formula = joiner.join(next(group for group in span.groups() if group).strip() for span in spans[first : last + 1])
    kept = words if turning_words(words) or scale_word(words.strip()) else ""
    return f"-({formula}){kept}" if sign.strip() else formula + kept


def _with_words(number: str, behind: str) -> str | None:
    """The number with the word behind it if that is its unit; None if the words make another number of it."""
    behind = _MARKUP.sub("", behind.rstrip(" \n.,!*$)"))
    if any(len(word) == 1 and word not in SHORT_UNITS | {"I"} for word in behind.split()[1:]):
        return None
    if _BELOW_ZERO.search(behind):
        whole = number + behind
        return whole if parse_quantity(whole) is not None else None  # 17 degrees below zero
    word = _NEXT_WORD.match(behind)
    if word is None:
        return number
    if any(map(scale_word, behind[word.end() :].split())):
        return None  # a thousand thousand
    with_word = number + word[0]
    if parse_quantity(with_word) is not None and not (word[2] in ("a", "A") and len(behind.split()) < 2):
        return with_word
    if (
        not word[1]
        or CHANGING.intersection(word[2].lower().split("-"))
        or any(map(scale_word, word[2].split("-")))
        or (len(word[2]) == 1 and word[2] not in SHORT_UNITS - {"a", "A"})
    ):
        return number if word[1] and word[2] == "a" and len(behind.split()) > 1 else None
    return number


def sign_before(before: str, number: str) -> str | None:
    """The sign that words give the value behind them ("" or "-"), or None if they change it or introduce no value."""
    before = before[-_BEFORE:]
    if _ATTACHED_LETTER.search(before):
        return None
    attached = _ATTACHED_DASH.search(before)
    before = _LAYOUT.sub("", before if attached is None else before[: attached.start(1)])
    if attached is not None:
        return None if number.lstrip()[:1] in tuple(f"+{_DASHES}") or not _may_precede_number(before) else "-"
    signed = number.lstrip()[:1] in tuple(f"+{_DASHES}")
    sign = _SIGN.search(before)
    if sign is not None:
        before = _LAYOUT.sub("", before[: sign.start()])
        if signed or before[-1:].isdigit() or before[-1:] == ")":
            return None
    if signed and (before[-1:].isdigit() or before[-1:] in (")", "}") or re.search(r"(?:^|[^A-Za-z'’])[A-Za-z]\Z", before)):
        return None  # 30 - 17 is no number minus seventeen
    return "-" * (sign is not None) if _may_precede_number(before) else None


def _may_precede_number(before: str) -> bool:
    """True if a number may follow these words and stay the number it is."""
    if not before:
        return True
    if len(_OPENED.findall(before)) > len(_CLOSED.findall(before)):
        return False  # (6, 17
    last = before[-1]
    if last == "=":
        return equates(before[:-1])
    if last in "→⟶>" or before.endswith(("\\to", "rightarrow")):
        return not _TENDS.search(before) and (last != ">" or before.endswith(("->", "=>")))
    if last in _DASHES:
        return last != "−" and not re.search(r"[\d)}]\s*\Z|(?:^|[^A-Za-z])[A-Za-z]\s*\Z", before[:-1])  # 3–17 is a range
    if last.isalpha():
        return _leads_in_words(before) if last < "\u0250" else bool(_CHINESE.search(before))
    return last in ",.:;!?)]}'’”\"⇒≈#。：，；、）" or bool(_PICTURE.search(before))


def _leads_in_words(before: str) -> bool:
    word = re.search(r"\\?[A-Za-z'’]+\Z", before)
    if word is not None and word[0].startswith("\\"):
        return word[0] in (r"\approx", r"\therefore", r"\implies", r"\Rightarrow")
    of = _OF.search(before)
    if of is not None and of[1].lower() not in _COUNTED:
        return False
    if _SHARE.search(before) or _FROM.search(before):
        return False
    if (_TO.search(before) and not _LEADS_TO.search(before)) or (_BY.search(before) and not _LEADS_BY.search(before)):
        return False
    subject = _SUBJECT.search(before)
    if subject is not None and _of_an_unknown(before[: subject.start()]):
        return False
    return not (_CHANGED.search(before) or re.search(r"(?:^|[^A-Za-z'’])[B-HJ-Zb-z]\Z", before))


def _of_an_unknown(subject: str) -> bool:
    """True if a subject (x + 1, twice x, x squared) is an unknown's, and names no quantity (the value of x + 1)."""
    clause = _SUBJECT_CLAUSE.split(subject)[-1].replace("$", "")
    named = [word for word in re.findall(r"(?<!\\)[A-Za-z]{3,}", clause) if not _CHANGED.search(word)]
    return not set(map(str.lower, named)) - _NO_QUANTITY and bool(
        _UNKNOWN.search(clause) or _CHANGED_UNKNOWN.search(clause) or _RAISED_UNKNOWN.search(clause)
    )


def equates(left: str) -> bool:
    """True if `left = number` states the number: a name, or arithmetic with numbers only; never a relation."""
    left = left.replace("**", " ").translate(_SPELLED).rstrip(" $")
    if left[-1:] in tuple("!<>≤≥≠~:=/\\"):
        return left[-1:] == ":"
    assigned = list(_ASSIGNED.finditer(f"{left}="))
    if len({match[1] for match in assigned}) > 1:
        return False  # x = 3, y = 17
    if len(assigned) > 1 and not _CONCLUDES.search(left, assigned[-2].end(), assigned[-1].start()):
        return False  # x = 3, x = 17
    if _UNKNOWN.search(_ARITHMETIC.sub(" ", left.rpartition("=")[2])) and ":" in left:
        return False
    clause = _CLAUSE.split(left)[-1].rpartition("=")[2]
    return not (_UNKNOWN.search(_ARITHMETIC.sub(" ", clause)) or _CHANGED_UNKNOWN.search(clause) or _PRODUCT.search(clause))
