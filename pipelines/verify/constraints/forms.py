"""Instructions that hold or do not: what the response contains, how it begins and ends, its case, script and form.

Each takes the text and, if it takes any, its checked arguments, and gives (holds, observation). A text has these parts:

- word: a run of letters and digits, inner apostrophes and hyphens included (`don't`, `well-known`); scripts without spaces
  are counted by runs.
- sentence: ends with `.`, `!`, `?`, `…` or their full-width forms before white space or the end, but not after an
  abbreviation (`Dr.`, `e.g.`) or an initial; a blank line ends it too. What holds no letter or digit is none.
- paragraph: what blank lines, or the given separator, part. Line: a line that is not blank.
- bullet: a line that begins with `*`, `-`, `+` or `•`, white space and a text; numbered item: `1.` or `1)` likewise.
- highlight: a span in single or double asterisks within a line; placeholder: a text in square brackets that is no link's.
- code block: a closed fenced block. Number: one in digits, with a sign, thousands separators and decimals.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from rollmill.ground.formats.json_text import LONGEST, BadJsonError, fenced_blocks, parse_json

_WORD = re.compile(r"[^\W_]+(?:['’\-‑][^\W_]+)*")
# Possessive, and only from the first mark of a run: a text of nothing but full stops is read in one pass.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*+(?=\s|\Z)|[。！？]+|\n[ \t]*\n")
_BEFORE = re.compile(r"([^\W_]+(?:\.[^\W_]+)*)\Z")
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+", "mr mrs ms dr prof sr jr st vs no vol fig eq cf al e.g i.e p.s p.p.s u.s u.k a.m p.m approx dept est"
    )
)
_BULLET = re.compile(r"(?m)^[ \t]*[*\-+•][ \t]+(\S.*)$")
_NUMBERED = re.compile(r"(?m)^[ \t]*\d{1,4}[.)][ \t]+(\S.*)$")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
HIGHLIGHT = re.compile(r"(?<![*\w])(\*{1,2})(?=[^\s*])[^*\n]*[^\s*]\1(?!\*)")
PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,200}\](?!\()")
CODE_BLOCK = re.compile(r"(?ms)^[ \t]*```[^\n`]*\n.*?^[ \t]*```[ \t]*$")
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d++(?:,\d{3}(?!\d)){0,20}+(?:\.\d++)?+(?!\w|\.\d)")


@dataclass(frozen=True)
class Response:
    """Response of a model, by its parts, and its prompt."""

    text: str
    prompt: str = ""

    @cached_property
    def words(self) -> list[str]:
        """The words in order."""
        return words_of(self.text)

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences in order."""
        parts, start, last = [], 0, len(self.text.rstrip()) - 1
        for end in _SENTENCE_END.finditer(self.text):
            # The last full stop of a text ends its sentence even where it belongs to `p.m.`.
            if end[0] == "." and end.start() < last and _abbreviated(self.text, end.start()):
                continue
            parts.append(self.text[start : end.end()].strip())
            start = end.end()
        parts.append(self.text[start:].strip())
        return [sentence for sentence in parts if _WORD.search(sentence)]

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]

    @cached_property
    def bullets(self) -> list[str]:
        """The texts of the bullets."""
        return _BULLET.findall(self.text)

    @cached_property
    def numbered(self) -> list[str]:
        """The texts of the numbered items."""
        return _NUMBERED.findall(self.text)

    def paragraphs(self, separator: str | None = None) -> list[str]:
        """The paragraphs, parted by blank lines or by a separator."""
        parts = _BLANK.split(self.text) if separator is None else self.text.split(separator)
        return [part.strip() for part in parts if part.strip()]


def words_of(text: str) -> list[str]:
    """The words of a text in order."""
    return _WORD.findall(text)


def _abbreviated(text: str, at: int) -> bool:
    """True if the full stop at a place belongs to an abbreviation or to an initial."""
    # No abbreviation is longer, and a search of all the text before each full stop would take quadratic time.
    before = _BEFORE.search(text[max(0, at - 20) : at])
    if before is None:
        return False
    word = before[1]
    # `I` is a word and no initial: `So do I.` ends a sentence.
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word != "I")


def occurrences(text: str, wanted: str, *, whole: bool, case: bool) -> int:
    """Number of occurrences of a literal text; `whole`: between word boundaries, white space matching white space."""
    if not whole:
        return text.count(wanted) if case else text.casefold().count(wanted.casefold())
    words = r"\s+".join(re.escape(part) for part in wanted.split())
    # Not \b, which needs a letter or digit on one side: it would miss `C++` before a space.
    pattern = re.compile(rf"(?<!\w){words}(?!\w)", 0 if case else re.IGNORECASE)
    return sum(1 for _ in pattern.finditer(text))


Arguments = dict[str, Any]
Observation = tuple[bool, Any]
_TITLE = re.compile(r"<<[^<>\n]*[^<>\s][^<>\n]*>>")
_SCRIPT_SHARE = 0.8  # names and quotations in another script are allowed
SCRIPTS = frozenset(
    re.findall(
        r"\w+",
        "arabic armenian bengali cyrillic devanagari ethiopic georgian greek gujarati gurmukhi han hangul hebrew japanese"
        " kana kannada khmer lao latin malayalam myanmar sinhala tamil telugu thai tibetan",
    )
)
_UNICODE_SCRIPTS = {"kana": ("Hiragana", "Katakana"), "japanese": ("Hiragana", "Katakana", "Han")}
_MINOR = frozenset(
    re.findall(r"\w+", "a an the and but or nor for so yet as at by in of off on per to up via with from into")
)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}
_CLOSING = "\"'”’*"


def keywords(response: Response, arguments: Arguments) -> Observation:
    """Every keyword occurs."""
    missing = [word for word in arguments["keywords"] if not _occurs(response, word, arguments)]
    return not missing, {"missing": missing}


def forbidden(response: Response, arguments: Arguments) -> Observation:
    """No forbidden word occurs."""
    present = [word for word in arguments["words"] if _occurs(response, word, arguments)]
    return not present, {"found": present}


def starts_with(response: Response, arguments: Arguments) -> Observation:
    """The text begins with a phrase."""
    text, phrase = _folded(response.text.lstrip(), arguments), _folded(arguments["phrase"].strip(), arguments)
    return text.startswith(phrase), response.text.lstrip()[: len(phrase)][:200]


def ends_with(response: Response, arguments: Arguments) -> Observation:
    """The text ends with a phrase; nothing but a closing quotation mark may follow."""
    bare, wanted = response.text.rstrip(), arguments["phrase"].strip()
    # A phrase of nothing but such marks is looked for as it is: without them every text would end with it.
    if wanted.strip(_CLOSING):
        bare, wanted = bare.rstrip(_CLOSING), wanted.rstrip(_CLOSING)
    text, phrase = _folded(bare, arguments), _folded(wanted, arguments)
    return text.endswith(phrase), bare[-len(phrase) :][:200]


def first_word(response: Response, arguments: Arguments) -> Observation:
    """A paragraph (1: the first) begins with a word; `paragraphs` says how many there must be in all."""
    paragraphs = response.paragraphs()
    if arguments["paragraphs"] and len(paragraphs) != arguments["paragraphs"]:
        return False, {"paragraphs": len(paragraphs)}
    if not 1 <= arguments["paragraph"] <= len(paragraphs):
        return False, {"paragraphs": len(paragraphs)}
    words = words_of(paragraphs[arguments["paragraph"] - 1])
    first = words[0] if words else ""
    return first.casefold() == arguments["word"].strip().casefold(), first[:100]


def postscript(response: Response, arguments: Arguments) -> Observation:
    """A line begins with the marker, something follows it, and no other paragraph comes after."""
    # `P.S.` is also written `P. S.`.
    marker = r"\s?".join(re.escape(part) for part in re.findall(r"\w\.?|\S", arguments["marker"]))
    pattern = re.compile(rf"(?mi)^[ \t*_]*{marker}[ \t*_:]*\S")
    last = response.paragraphs()[-1:] or [""]
    match = pattern.search(last[0])
    return match is not None, None if match is None else match[0][:100]


def repeat_prompt(response: Response, arguments: Arguments) -> Observation:
    """The text begins with the prompt, word for word, and continues."""
    # A model may break the lines elsewhere, and begin with another case.
    prompt = " ".join((arguments["prompt"] or response.prompt).split()).casefold()
    text = " ".join(response.text.split()).casefold()
    return bool(prompt) and text.startswith(prompt) and len(text) > len(prompt), text[:100]


def one_of(response: Response, arguments: Arguments) -> Observation:
    """The whole text is one of the options, but for white space, quotation marks and a full stop around it.

    With `anywhere`: the text contains exactly one of the options, as `match` says.
    """
    if arguments["anywhere"]:
        whole = arguments["match"] == "word"
        present = [option for option in arguments["options"] if occurrences(response.text, option, whole=whole, case=False)]
        return len(present) == 1, [option[:100] for option in present]
    bare = response.text.strip().strip("\"'“”*").strip().rstrip(".").casefold()
    return bare in {option.strip().rstrip(".").casefold() for option in arguments["options"]}, response.text.strip()[:100]


def responses(response: Response, arguments: Arguments) -> Observation:
    """The requested number of different responses, with a separator between them."""
    parts = [part.strip() for part in response.text.split(arguments["separator"])]
    # A separator may stand before the first response and behind the last, but not twice between two.
    inner = parts[1:-1] if len(parts) > 2 else []
    shown = [part for part in parts if part]
    fine = len(shown) == arguments["exactly"] == len({" ".join(part.split()) for part in shown}) and all(inner)
    return fine, {"responses": len(shown), "different": len(set(shown))}


def upper_case(response: Response) -> Observation:
    """Letters, and no small one."""
    return response.text.isupper(), _first(response, str.islower)


def lower_case(response: Response) -> Observation:
    """Letters, and no capital."""
    return response.text.islower(), _first(response, str.isupper)


def title_case(response: Response) -> Observation:
    """Every word begins with a capital, but for small words (of, the, and) that are not the first."""
    # A word that begins with a digit or a Chinese character has no case and is no mistake.
    small = [
        word for position, word in enumerate(response.words) if word[0].islower() and not (position and word in _MINOR)
    ]
    return bool(response.words) and not small, small[:10]


def no_comma(response: Response) -> Observation:
    """No comma of any script."""
    count = sum(response.text.count(comma) for comma in ",，、،")
    return count == 0, {"commas": count}


def quotation(response: Response) -> Observation:
    """The whole text is in double quotation marks."""
    text = response.text.strip()
    fine = len(text) > 2 and _QUOTES.get(text[0]) == text[-1] and bool(text[1:-1].strip())
    return fine, text[:1] + text[-1:]


def json_only(response: Response) -> Observation:
    """The whole text is one JSON object or array, in a fenced block or not."""
    text = response.text.strip()
    blocks = fenced_blocks(text)
    if len(blocks) == 1 and text.startswith("```") and text.endswith("```"):
        text = blocks[0][1]
    try:
        value = parse_json(text) if len(text) <= LONGEST else None
    except BadJsonError as error:
        return False, f"{error}"[:200]
    return isinstance(value, (dict, list)), type(value).__name__


def title(response: Response) -> Observation:
    """A title in double angle brackets on one line."""
    match = _TITLE.search(response.text)
    return match is not None, None if match is None else match[0][:100]


def script(response: Response, arguments: Arguments) -> Observation:
    """At least 80% of the letters are of a script."""
    share, letters = share_of_script(response.text, arguments["script"])
    return letters > 0 and share >= _SCRIPT_SHARE, {"share": round(share, 3), "letters": letters}


def share_of_script(text: str, script: str) -> tuple[float, int]:
    """(share of the letters that are of a script, number of letters); letters of no known script count as letters.

    By Unicode's script extensions: a mark that scripts share, such as the long-vowel mark of the two kana, counts for each.
    """
    letters = {char: count for char, count in Counter(text).items() if char.isalpha()}
    # Each letter once, so that the pattern never runs over the whole of a long text.
    different, total = "".join(letters), sum(letters.values())
    if not letters or (script == "japanese" and not _matching("kana").search(different)):  # Han alone is Chinese
        return 0.0, total
    return sum(letters[char] for char in _matching(script).findall(different)) / total, total


@lru_cache
def _matching(script: str) -> Any:
    """The pattern of one letter of a script."""
    import regex

    # The last `join` puts the properties between the two brackets.
    return regex.compile("".join(rf"\p{{scx={name}}}" for name in _UNICODE_SCRIPTS.get(script, (script,))).join("[]"))


def palindrome(response: Response, arguments: Arguments) -> Observation:
    """The whole text, or one of its words, reads the same backwards (letters and digits, whatever their case)."""
    parts = [response.text] if arguments["scope"] == "text" else response.words
    for part in parts:
        plain = [char for char in part.casefold() if char.isalnum()]
        if len(plain) >= arguments["letters"] and plain == plain[::-1]:
            return True, part.strip()[:100]
    return False, None


def sorted_list(response: Response, arguments: Arguments) -> Observation:
    """The items of the list (bullets, numbered items, or else the parts between commas) are in order; at least two."""
    items = response.bullets or response.numbered or [part.strip() for part in response.text.strip().rstrip(".").split(",")]
    keys: list[Any]
    if arguments["by"] == "number":
        matches = [NUMBER.search(item) for item in items]
        if not all(matches):
            return False, "an item without a number"
        keys = [_number(match[0]) for match in matches if match]
    else:
        keys = [item.strip("*_ ").casefold() for item in items]
    if arguments["order"] == "descending":
        keys.reverse()
    return len(keys) > 1 and all(left <= right for left, right in pairwise(keys)), {"items": len(keys)}


def numeric_range(response: Response, arguments: Arguments) -> Observation:
    """There is a number, and every number is within the range, both ends included."""
    numbers = NUMBER.findall(response.text)
    outside = [text[:40] for text in numbers if not arguments["minimum"] <= _number(text) <= arguments["maximum"]]
    return bool(numbers) and not outside, {"numbers": len(numbers), "outside": outside[:10]}


def acrostic(response: Response, arguments: Arguments) -> Observation:
    """The first letters of the lines spell a word."""
    letters = "".join(next((char for char in line if char.isalpha()), "") for line in response.lines)
    return letters.casefold() == arguments["word"].strip().casefold(), letters[:100]


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))  # 1,234 and −5 with Unicode's minus


def _occurs(response: Response, word: str, arguments: Arguments) -> bool:
    return occurrences(response.text, word, whole=arguments["match"] == "word", case=arguments["case"]) > 0


def _folded(text: str, arguments: Arguments) -> str:
    return text if arguments["case"] else text.casefold()


def _first(response: Response, kind: Any) -> str | None:
    """The first word with a character that should not be there."""
    return next((word[:100] for word in response.words if any(map(kind, word))), None)
