"""Words of ten languages by which a text denies, attributes or takes back an answer: `words.toml`, compiled.

A language is looked for where a text holds one of its doubting words, or a letter of its script: most texts are passed at
once, and no pattern of a language is tried on a text of another.
"""

import re
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

_NEVER = "(?!)"
_SCRIPTS = {"ru": "[\u0400-\u04ff]", "zh": "[\u3400-\u9fff]", "ja": "[\u3040-\u30ff\u3400-\u9fff]"}
_SAID_IN = (
    ("es", "espuesta"), ("pt", "esposta"), ("de", "ntwort"), ("es", "correcta"), ("de", "e Option"), ("fr", "onne option"),
    ("it", "isposta"), ("it", "corretta"), ("pl", "dpowied"), ("pl", "a opcja"), ("pl", "y wariant"),
)  # fmt: skip
_SAID_PARTS = ("posta", "puesta", "orre", "ntwort", "ption", "dpowied", "opcja", "wariant")
"""Every needle of `_SAID_IN` holds one of these: a quick look, for every text is searched."""
_SAID_WITH_ACCENTS = (
    ("fr", "éponse"), ("fr", "option correcte"), ("pt", "lternativa"), ("pt", "opção"), ("pt", "etra c"), ("ru", "твет"),
    ("ru", "ариант"), ("zh", "答案"), ("zh", "选"), ("ja", "答"), ("ja", "正解"), ("ja", "正しい選"),
)  # fmt: skip
_ARTICLES = {
    "en": "(?:the|our|my|a|correct|right|final|answer)", "es": "(?:la|el|respuesta|resultado|correcta|opción)",
    "pt": "(?:a|o|resposta|correta|opção|alternativa)", "fr": "(?:la|le|réponse|bonne|option)",
    "de": "(?:die|das|antwort|lösung|ergebnis|richtige|option)", "ru": "(?:ответ|правильный)",
    "it": "(?:la|il|risposta|soluzione|corretta|opzione)", "pl": "(?:to|jest|odpowiedź|poprawna|prawidłowa)",
}  # fmt: skip
_CLAUSE = "(?:that|the|our|my|correct|right|final|answer|result|it|it's|is|was|would be|should be|must be|could be)"
"""Words between an English denial and the value of its clause: I doubt that *the answer is* 17."""
_MARKS = ("", ",", ".", ":", ";", "!", "?", ",\u201d", '."', '"', ")", ").")
VALUE = (
    r"(?P<value>\\boxed\s*\{[^{}]{1,80}\}|-?\\[dt]?frac\s*\{[^{}]{1,40}\}\s*\{[^{}]{1,40}\}"
    r"|[-+−]?\\?\$?\d(?:[\d.,/]|\{,\})*(?<![.,/])|(?<![A-Za-zÀ-ɏ0-9_\\'’])\(?[A-J]\)?(?![A-Za-zÀ-ɏ0-9_'’]))"
)
"""A value that a sentence speaks of: a box, a number, the letter of an option."""
_NEW_VALUE = (
    r"[$*(\\]{0,3}(?:[-+−]?\\?\$?\d(?:[\d.,/]|\{,\})*(?<![.,/])|\(?(?-i:[B-HJ])\)?(?![A-Za-zÀ-ɏ0-9_'’])"
    r"|\(?(?-i:[AI])\)?(?=[.,;!)。]|\s*\Z))[$*)\\]{0,4}"  # "a" and "I" are words too
)
DASH = r"-(?![\d$\\.])"
"""A hyphen that is no sign of a number."""
_LETTER = r"[\s*$(（\[\\]{0,4}(?-i:[A-J])(?![A-Za-zÀ-ɏ0-9_'’])"
_OWN_VALUE = rf"(?P<value>-?\\[dt]?frac\s*\{{[^{{}}]{{1,40}}\}}\s*\{{[^{{}}]{{1,40}}\}}|{_NEW_VALUE})"
_OWNER = re.compile(r"[sr'] (?:answer|solution|guess|result)|answer (?:of|from|by|given)|s what ")
_CLOSED = r"\s*(?:[.!;。！；]|,(?!\s*\d)|\Z)"
_CROSS = re.compile("[❌✗✘❎]")
_BETWEEN = r"[\s$)*`\"”’」.]{0,4}"


_UNSAID = re.compile(r"\\(?:boxed|text|mathrm|left|right)(?![A-Za-z])|(?<=\d),(?=\d{3}(?!\d))|[^\w./-]|\.\Z")


def key(value: str) -> str:
    """A value in the form in which two mentions of it are compared."""
    return _UNSAID.sub("", value).casefold()


class Language:
    """The patterns of one language. `before` ones end, and `behind` ones begin, where a statement does.

    What most of them are for stands at the head of words.toml. `letters`: a letter of its script, if that is not the Latin
    one; `owned`: the owner of a statement, before its value; `faulted`: a pointer or a value of which it is said that it is
    wrong.
    """

    def __init__(self, name: str) -> None:
        words = _TABLE[name]
        predicate = rf"(?:{words['is']}\s?{words['wrong']}|{words['isnt']}\s?{words['right']})"
        lead = r"[\s,]{0,2}(?:(?:which|but (?:that|this|it))\s)?" if name == "en" else r"\s?"
        behind = "|".join([predicate, *words.get("denied", ())])
        self.name = name
        self.letters = re.compile(_SCRIPTS[name]) if name in _SCRIPTS else None
        self.says = _compiled(_says(words))
        self.denies = _compiled(_before(words["denies"], name))
        self.denied = _compiled(rf"{_BETWEEN}{lead}(?:{behind})")
        self.attributes = _compiled(_people(_before(words.get("attributes", [_NEVER]), name), words))
        self.attributed = _compiled(rf"{_BETWEEN}(?:{_people('|'.join(words.get('attributed') or [_NEVER]), words)})")
        self.owned = _compiled(_before([words.get("owned", _NEVER)], name))
        self.owns = _compiled(rf"{_BETWEEN}(?:{words.get('owns', _NEVER)})")
        self.mine = _compiled(_own(words, words["mine"], name))
        self.counters = _compiled(_own(words, rf"{words['mine']}|{words['counters']}", name))
        self.errs = _compiled(rf"{_edge(name)}(?:{words['errs']})")
        self.unreal = _compiled(words.get("unreal", _NEVER))
        self.endorses = _compiled(words.get("endorses", _NEVER))
        self.withdraws = _compiled(rf"{_edge(name)}(?:{'|'.join(words['withdraws'])})|{_corrected(words)}")
        self.starts = _compiled("|".join(words["starts"]))
        self.faulted = _compiled(rf"(?:{_edge(name)}{words['pointers']}|{VALUE}{_BETWEEN})\s?{predicate}")
        self.acts = _compiled(rf"{words.get('acts', _NEVER)}[\s$*(\\]*\Z")
        self.particles = frozenset(words.get("particles", "").split())
        self.supposes = _compiled(rf"{_edge(name)}{words['supposes']}\Z")
        self.confirms = _compiled(words.get("confirms", _NEVER))
        self.but = _compiled(rf"{words['but']}\s*")
        self.contrast = _compiled(rf"{words['contrast']}(?![a-zà-ÿ])")
        self.openers = _compiled(rf"(?:[\s,;:.!?—–…、，。：]|{DASH}|{words['openers']}{_word_end(name)})*")
        self.ends = _compiled(rf"(?:{words.get('ends', _NEVER)})[\s.。]*\Z")


def doubting_languages(window: str) -> tuple[Language, ...]:
    """The languages of whose doubting words or letters a text holds some."""
    words = window.lower().replace("’", "'").replace("(", " ").replace("*", " ").split()
    names = [] if ANY_DOUBT.isdisjoint(words) else [name for name in DOUBTS if not DOUBTS[name].isdisjoint(words)]
    if names or "no" in words:
        names += _said_in(window)
    if not window.isascii():
        names += [name for name, letter in _SCRIPTS.items() if re.search(letter, window)]
    if "en" not in names and (
        "n't" in window or "n’t" in window or "?" in window or _CROSS.search(window) or owned(window)
    ):
        names = ["en", *names]
    return tuple(language(name) for name in dict.fromkeys(names))


def owned(window: str) -> bool:
    """True if a text may name the owner of an English answer: "Maria's answer"."""
    if "answer" in window or "solution" in window or "guess" in window or "result" in window or "s what " in window:
        return _OWNER.search(window) is not None
    return False


def stated_in(text: str) -> tuple[Language, ...]:
    """The languages other than English in which a text may say "the answer is"."""
    names = _said_in(text)
    return tuple(language(name) for name in dict.fromkeys(names)) if names else ()


def _said_in(text: str) -> list[str]:
    if not text.isascii():
        return [name for name, needle in (*_SAID_IN, *_SAID_WITH_ACCENTS) if needle in text]
    for part in _SAID_PARTS:
        if part in text:
            return [name for name, needle in _SAID_IN if needle in text]
    return []


@lru_cache(maxsize=16)
def language(name: str) -> Language:
    """The compiled patterns of a language."""
    return Language(name)


def _says(words: dict[str, Any]) -> str:
    """Words that precede an answer, with those between them and an option's letter: "es la opción" B."""
    named = rf"\s*{words.get('named', '')}(?={_LETTER})"
    return rf"(?:{words.get('says', _NEVER)}|(?:{words.get('picks', _NEVER)})(?={named}))(?:{named})?"


def _before(patterns: list[str], name: str) -> str:
    """Patterns that end where a statement begins, with leading words and marks in between."""
    article = _ARTICLES.get(name)
    article = rf"(?:{article}\s+)*" if article else ""
    edge = rf"(?:{_edge(name)}|(?=n't))" if name == "en" else _edge(name)
    clause = rf"|\s*(?:that|the|our|my|it|it's)\s+(?:{_CLAUSE}\s+)*[$*(\\]*\Z" if name == "en" else ""
    return rf"{edge}(?:{'|'.join(patterns)})(?:[\s,:\"“”«»「『'‘(*$\\]*{article}[\s,:\"“«「『'‘(*$\\]*\Z{clause})"


def _people(pattern: str, words: dict[str, Any]) -> str:
    """A pattern with the people of a language in place of their marks."""
    return pattern.replace("#persons#", words.get("persons", _NEVER)).replace("#other#", words.get("other", _NEVER))


def _own(words: dict[str, Any], lead: str, name: str) -> str:
    """Words by which the text gives a value of its own, that value, and the end of the clause: "I say 18 apples"."""
    ends = rf"(?:{words.get('ends', _NEVER)})?"
    return rf"{_edge(name)}(?:{lead})[\s:,]*{_OWN_VALUE}(?:\s?[^\W\d]+)?{ends}{_CLOSED}"


def _corrected(words: dict[str, Any]) -> str:
    """A word of `anew` that begins a clause, then a value that ends it: "Wait, 18", "Sorry, it's 18 apples"."""
    value = rf"{_NEW_VALUE}(?:{words.get('ends', _NEVER)})?{_CLOSED}"
    counted = rf"(?:{words['openers']}[\s,:]*)+{_NEW_VALUE}(?:\s?[^\W\d]+)?{_CLOSED}"
    return rf"(?:\A|[,.;:!?()—–-])[\s*\"]*{words['anew']}[\s,.:;!—–…、，。：-]+(?={value}|{counted})"


def _word_end(name: str) -> str:
    return "" if name in ("zh", "ja") else "(?![a-zà-ÿ])"


def _edge(name: str) -> str:
    return "" if name in ("zh", "ja") else r"(?<![\w\\])"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_TABLE: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
_ENGLISH = frozenset(_TABLE["en"]["doubts"].split())
DOUBTS = {
    name: frozenset(
        word + mark
        for word in words["doubts"].split()
        for mark in _MARKS
        if name == "en" or word not in _ENGLISH  # "no" is English first
    )
    for name, words in _TABLE.items()
    if "doubts" in words
}
"""Language to its doubting words, with adjacent marks."""
ANY_DOUBT = frozenset[str]().union(*DOUBTS.values())
