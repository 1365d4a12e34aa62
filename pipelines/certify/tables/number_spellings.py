"""Other spellings of a whole number, for the suite `edits`: digits of other scripts, words, numerals. None: it has none."""

from collections.abc import Callable, Mapping
from fractions import Fraction

_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_CHINESE = "零一二三四五六七八九"


def in_words(number: Fraction) -> str | None:
    """English words of a whole number below a million."""
    if number.denominator != 1 or not 0 <= number < 1_000_000:
        return None
    whole = int(number)
    thousands, rest = divmod(whole, 1_000)
    if thousands:
        head = f"{in_words(Fraction(thousands))} thousand"
        return f"{head} {in_words(Fraction(rest))}" if rest else head
    hundreds, rest = divmod(whole, 100)
    if hundreds:
        return f"{_ONES[hundreds]} hundred" + (f" and {in_words(Fraction(rest))}" if rest else "")
    if rest < len(_ONES):
        return _ONES[rest]
    return _TENS[rest // 10] + (f"-{_ONES[rest % 10]}" if rest % 10 else "")


def in_chinese(number: Fraction) -> str | None:
    """Chinese numerals of a whole number below ten thousand."""
    if number.denominator != 1 or not 0 <= number < 10_000:
        return None
    whole, text, gap = int(number), "", False
    if whole == 0:
        return _CHINESE[0]
    for place, unit in ((1_000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, whole = divmod(whole, place)
        if digit:
            # A zero stands for skipped places between digits: 101 is 一百零一.
            text += (_CHINESE[0] if gap and text else "") + _CHINESE[digit] + unit
        gap = not digit
    # 12 is 十二, not 一十二.
    return text.removeprefix("一") if text.startswith("一十") else text


def _digits(zero: int) -> Callable[[Fraction], str | None]:
    table = {ord("0") + digit: chr(zero + digit) for digit in range(10)}
    return lambda number: str(number).translate(table) if number.denominator == 1 else None


SPELLINGS: Mapping[str, Callable[[Fraction], str | None]] = {
    "words": in_words,
    "chinese": in_chinese,
    "full_width": _digits(ord("\uff10")),
    "arabic_indic": _digits(ord("\u0660")),
    "decimal_zero": lambda number: f"{number}.0" if number.denominator == 1 else None,
    "less": lambda number: f"{float(number - Fraction(1, 5)):g}" if number.denominator == 1 and number < 10_000 else None,
}
