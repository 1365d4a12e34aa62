"""Instructions that hold or do not: what the text contains, how it begins and ends, its case, its form.

Each takes the text and, where it takes any, its checked arguments, and gives (holds, what it saw).
"""

import re
from itertools import pairwise
from typing import Any

from pipelines.verify.constraints.counting import NUMBER, Given, Said, occurrences, words_of
from pipelines.verify.constraints.scripts import share_of_script
from pipelines.verify.jsontext import LONGEST, BadJsonError, fenced_blocks, parse_json

Seen = tuple[bool, Any]
_TITLE = re.compile(r"<<[^<>\n]*[^<>\s][^<>\n]*>>")
_SCRIPT_SHARE = 0.8
_MINOR = frozenset(
    re.findall(r"\w+", "a an the and but or nor for so yet as at by in of off on per to up via with from into")
)
_QUOTES = {'"': '"', "“": "”", "«": "»", "„": "“"}


def keywords(said: Said, given: Given) -> Seen:
    """Every keyword occurs."""
    return _none_missing([word for word in given["keywords"] if not _occurs(said, word, given)])


def forbidden(said: Said, given: Given) -> Seen:
    """No forbidden word occurs."""
    found = [word for word in given["words"] if _occurs(said, word, given)]
    return not found, {"found": found}


def starts_with(said: Said, given: Given) -> Seen:
    """The text begins with a phrase."""
    text, phrase = _folded(said.text.lstrip(), given), _folded(given["phrase"].strip(), given)
    return text.startswith(phrase), said.text.lstrip()[: len(phrase)][:200]


def ends_with(said: Said, given: Given) -> Seen:
    """The text ends with a phrase; nothing but a closing quotation mark may follow."""
    bare = said.text.rstrip().rstrip("\"'”’*")
    text, phrase = _folded(bare, given), _folded(given["phrase"].strip().rstrip("\"'”’*"), given)
    return text.endswith(phrase), bare[-len(phrase) :][:200]


def first_word(said: Said, given: Given) -> Seen:
    """A paragraph (1: the first) begins with a word; `paragraphs` says how many there must be in all."""
    found = said.paragraphs()
    if given["paragraphs"] and len(found) != given["paragraphs"]:
        return False, {"paragraphs": len(found)}
    if not 1 <= given["paragraph"] <= len(found):
        return False, {"paragraphs": len(found)}
    words = words_of(found[given["paragraph"] - 1])
    seen = words[0] if words else ""
    return seen.casefold() == given["word"].strip().casefold(), seen[:100]


def postscript(said: Said, given: Given) -> Seen:
    """A line begins with the marker, something follows it, and no other paragraph comes after."""
    marker = r"\s?".join(re.escape(part) for part in re.findall(r"\w\.?|\S", given["marker"]))
    pattern = re.compile(rf"(?mi)^[ \t*_]*{marker}[ \t*_:]*\S")
    last = said.paragraphs()[-1:] or [""]
    found = pattern.search(last[0])
    return found is not None, None if found is None else found[0][:100]


def repeat_prompt(said: Said, given: Given) -> Seen:
    """The text begins with the prompt, word for word, and goes on."""
    prompt = " ".join((given["prompt"] or said.prompt).split()).casefold()
    text = " ".join(said.text.split()).casefold()
    return bool(prompt) and text.startswith(prompt) and len(text) > len(prompt), text[:100]


def one_of(said: Said, given: Given) -> Seen:
    """The whole text is one of the options, but for white space, quotation marks and a full stop around it.

    With `anywhere`: exactly one of the options stands somewhere in the text.
    """
    if given["anywhere"]:
        found = [option for option in given["options"] if occurrences(said.text, option, whole=False, case=False)]
        return len(found) == 1, [option[:100] for option in found]
    bare = said.text.strip().strip("\"'“”*").strip().rstrip(".").casefold()
    return bare in {option.strip().rstrip(".").casefold() for option in given["options"]}, said.text.strip()[:100]


def responses(said: Said, given: Given) -> Seen:
    """As many different responses as asked for, with a separator between them."""
    parts = [part.strip() for part in said.text.split(given["separator"])]
    inner = parts[1:-1] if len(parts) > 2 else []
    shown = [part for part in parts if part]
    fine = len(shown) == given["exactly"] == len({" ".join(part.split()) for part in shown}) and all(inner)
    return fine, {"responses": len(shown), "different": len(set(shown))}


def upper_case(said: Said) -> Seen:
    """Letters, and no small one."""
    return said.text.isupper(), _first(said, str.islower)


def lower_case(said: Said) -> Seen:
    """Letters, and no capital."""
    return said.text.islower(), _first(said, str.isupper)


def title_case(said: Said) -> Seen:
    """Every word begins with a capital, but for small words (of, the, and) that are not the first."""
    small = [word for position, word in enumerate(said.words) if word[0].islower() and not (position and word in _MINOR)]
    return bool(said.words) and not small, small[:10]


def no_comma(said: Said) -> Seen:
    """No comma of any script."""
    count = sum(said.text.count(comma) for comma in ",，、،")
    return count == 0, {"commas": count}


def quotation(said: Said) -> Seen:
    """The whole text stands in double quotation marks."""
    text = said.text.strip()
    fine = len(text) > 2 and _QUOTES.get(text[0]) == text[-1] and bool(text[1:-1].strip())
    return fine, text[:1] + text[-1:]


def json_only(said: Said) -> Seen:
    """The whole text is one JSON object or array, in a fenced block or not."""
    text = said.text.strip()
    blocks = fenced_blocks(text)
    if len(blocks) == 1 and text.startswith("```") and text.endswith("```"):
        text = blocks[0][1]
    try:
        value = parse_json(text) if len(text) <= LONGEST else None
    except BadJsonError as error:
        return False, f"{error}"[:200]
    return isinstance(value, (dict, list)), type(value).__name__


def title(said: Said) -> Seen:
    """A title in double angle brackets on one line."""
    found = _TITLE.search(said.text)
    return found is not None, None if found is None else found[0][:100]


def script(said: Said, given: Given) -> Seen:
    """At least 80% of the letters are of a script."""
    share, letters = share_of_script(said.text, given["script"])
    return letters > 0 and share >= _SCRIPT_SHARE, {"share": round(share, 3), "letters": letters}


def palindrome(said: Said, given: Given) -> Seen:
    """The whole text, or one of its words, reads the same backwards (letters and digits, whatever their case)."""
    parts = [said.text] if given["scope"] == "text" else said.words
    for part in parts:
        plain = [char for char in part.casefold() if char.isalnum()]
        if len(plain) >= given["letters"] and plain == plain[::-1]:
            return True, part.strip()[:100]
    return False, None


def sorted_list(said: Said, given: Given) -> Seen:
    """The items of the list (bullets, numbered items, or else the parts between commas) are in order; at least two."""
    items = said.bullets or said.numbered or [part.strip() for part in said.text.strip().rstrip(".").split(",")]
    keys: list[Any]
    if given["by"] == "number":
        found = [NUMBER.search(item) for item in items]
        if not all(found):
            return False, "an item without a number"
        keys = [_number(match[0]) for match in found if match]
    else:
        keys = [item.strip("*_ ").casefold() for item in items]
    if given["order"] == "descending":
        keys.reverse()
    return len(keys) > 1 and all(left <= right for left, right in pairwise(keys)), {"items": len(keys)}


def numeric_range(said: Said, given: Given) -> Seen:
    """There is a number, and every number lies within the range, both ends included."""
    found = NUMBER.findall(said.text)
    outside = [text[:40] for text in found if not given["minimum"] <= _number(text) <= given["maximum"]]
    return bool(found) and not outside, {"numbers": len(found), "outside": outside[:10]}


def acrostic(said: Said, given: Given) -> Seen:
    """The first letters of the lines spell a word."""
    letters = "".join(next((char for char in line if char.isalpha()), "") for line in said.lines)
    return letters.casefold() == given["word"].strip().casefold(), letters[:100]


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _occurs(said: Said, word: str, given: Given) -> bool:
    return occurrences(said.text, word, whole=given["match"] == "word", case=given["case"]) > 0


def _none_missing(missing: list[str]) -> Seen:
    return not missing, {"missing": missing}


def _folded(text: str, given: Given) -> str:
    return text if given["case"] else text.casefold()


def _first(said: Said, kind: Any) -> str | None:
    """The first word with a character that should not be there."""
    return next((word[:100] for word in said.words if any(map(kind, word))), None)
