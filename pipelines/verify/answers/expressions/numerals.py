"""Numbers spelled out in words or in Chinese numerals, as digits: "seventeen apples" is "17 apples".

Only a text that is one integer from its first word on; anything else is left unchanged.
"""

import re

from pipelines.verify.answers.expressions.spelled_numbers import spelled_number

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_WORDS = {word: value for value, word in enumerate(_ONES)} | {
    word: 10 * value
    for value, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
_TIMES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_WORD = re.compile(r"[A-Za-z]+")
_SPELLED = re.compile(
    rf"(?i)(?:{'|'.join(_WORDS)})(?:(?:[\s-]+|,\s+)(?:and\s+)?(?:{'|'.join([*_WORDS, *_TIMES])}))*(?![A-Za-z-])"
)
_CHINESE = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "兩": 2}
_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_NUMERALS = re.compile(rf"[{''.join([*_CHINESE, *_UNITS])}]{{1,40}}")
# "zero point five", "two and a half", "three quarters", 三分之一: the number goes on behind its first words.
_GOES_ON = re.compile(
    r"(?i)[\s-]*(?:(?:point|and|or|to|over|plus|minus|times|half|halves|quarters?"
    r"|(?:third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|twelfth|hundredth|thousandth)s?)(?![a-z])|分之|点|又|半)"
)
_LONGEST = 200


def in_digits(text: str) -> str:
    """The text with the number that it begins with in digits; the text itself where it begins with none."""
    text = text.strip()
    first = _WORD.match(text)
    # A text that is not ASCII may begin with a numeral of another script.
    if len(text) > _LONGEST or (text.isascii() and first is None):
        return text
    spelled = _SPELLED.match(text)
    if spelled is not None:
        value = None if _GOES_ON.match(text, spelled.end()) else _of_words(_WORD.findall(spelled[0].lower()))
        return text if value is None else f"{value}{text[spelled.end() :]}"
    words = spelled_number(text)
    if words is not None:
        return f"{words[0]}{text[words[1] :]}"
    numerals = _NUMERALS.match(text)
    value = None if numerals is None or _GOES_ON.match(text, numerals.end()) else _of_numerals(numerals[0])
    return text if numerals is None or value is None else f"{value}{text[numerals.end() :]}"


def _of_words(words: list[str]) -> int | None:
    """The value of words in their usual order; None for words that are not a single number ("two three")."""
    total, group, last = 0, 0, 10**12
    for word in words:
        if word == "and":
            continue
        if word in _WORDS:
            value = _WORDS[word]
            # Behind hundreds everything below them fits, behind tens only ones: twenty twelve is no number.
            if (value == 0 and len(words) > 1) or not (value < last and (last >= 100 or (last >= 20 and value < 10))):
                return None
            group, last = group + value, value
        elif word == "hundred":
            # Fifteen hundred is a number, two hundred hundred is none.
            if not 0 < group < 100 or last >= 100:
                return None
            group, last = group * 100, 100
        else:
            # Scales must fall: five thousand two million is no number.
            if not group or (total and total % (_TIMES[word] * 1_000)):
                return None
            total, group, last = total + group * _TIMES[word], 0, 10**12
    return total + group


def _of_numerals(signs: str) -> int | None:
    """The value of Chinese numerals; None if two digits are adjacent, as in a year or a telephone number.

    None too for 一百五, which is 150 in speech.
    """
    if len(signs) > 2 and signs[-1] in _CHINESE and _UNITS.get(signs[-2], 0) > 10:
        return None
    total, group, digit = 0, 0, None
    for sign in signs:
        if sign in _CHINESE:
            # A zero only fills a place: 一百零五 is 105.
            if digit:
                return None
            digit = _CHINESE[sign]
        elif _UNITS[sign] < 10**4:
            # A unit without a digit before it counts once: 十二 is 12.
            group += (1 if digit is None else digit) * _UNITS[sign]
            digit = None
        else:
            unit, group = _UNITS[sign], group + (digit or 0)
            # A larger unit multiplies all before it: 一万二千亿 is 12,000 times 10^8.
            if total < unit:
                total = ((total + group) or 1) * unit
            # Behind a unit the next must be smaller, and have a number: 一万万 and 三万五千万 are not read.
            elif not group or total % (unit * 10**4):
                return None
            else:
                total += group * unit
            group, digit = 0, None
    return total + group + (digit or 0)
