"""Status of an answer that a text states: valid, or denied, attributed, quoted or taken back by the text.

The deciding words are in the sentence of the statement (before it and behind it), or in the sentences that follow. `No, C`
and `that is wrong` take back all that was said; `17 is wrong` takes back a 17 only, and so does `that` where its own
sentence names a value before it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rollmill.pipelines.verify.statements.attribution import is_another_persons, is_shown
from rollmill.pipelines.verify.statements.words import ANY_DOUBT, DASH, VALUE, Language, doubting_languages, key, owned

Fate = Literal["stands", "denied", "elsewhere", "withdrawn"]
_REACH = 300  # characters before a statement that may speak of it
_FOLLOWING = 2_000  # characters behind it that are looked through for a withdrawal
_END = re.compile(r"[.!?;](?=[\s\"”»')]|\Z)|[。！？；\n]")
_TURN = re.compile(
    r"(?i)[,;]\s+(?:so|but|and|yet|however|although|though|while|whereas|because|since|hence|thus|therefore|then|aunque|pero"
    r"|mais|bien que|obwohl|aber|embora|mas"
    r"|ma|benché|sebbene|lecz|ale|chociaż|choć|хотя|но)\b|\s(?:although|though|whereas)\s|[，,](?:但|虽然|不过)"
    r"|(?<!によると)(?<!によれば)(?<!言わせると)(?<!では)、"
)
_MENTION = re.compile(
    r"(?i)\b(?:examples?|samples?|formats?|forms?|templates?|lines?|prompts?|instructions?|write|such as|e\.g\.|like|phrase"
    r"|task|statement|ejemplo|formato|exemple|format|beispiel|muster|exemplo|modelo|esempio|przykład)\b|пример|образец|例|格式|样"
)
_QUOTES = (("“", "”"), ("«", "»"), ("「", "」"), ("『", "』"), ("`", "`"), ('"', '"'))
_SHOWN_LAST = re.compile(r">[ \t]*(?:\*\*)?(?:(?i:(?:the |final )*answer)\*{0,2}:|\*\*)[^\n]*\Z")
"""The answer set off as a quotation in the last line."""
_NEAR = 6  # characters between a denied value and "but"
_QUESTION = 15  # characters of a question that is more than a value with a question mark
# "Are there more? No." does not speak of the answer.
_OTHERS = re.compile(
    r"(?i)\b(?:any|more|others?|else|another|left|why|otr[oa]s?|autres?|weitere|andere|outr[oa]s?|други[ех]|ещё|altr[eoi]|inn[eay])\b"
    r"|其他|别的|他に|ほか"
)
# The word behind a value and the marks that close its formula.
_NOUN = re.compile(r"[\s$*)}\]\\]*(?:text\s*\{\s*)?([^\W\d_]+)")
# "Is the answer 17? No." does.
_ASKED = re.compile(r"(?i)\bis (?:the|this|that|my)(?: \w+)? (?:answer|result|solution)\b")
_VALUE = re.compile(VALUE)
_MARKS = re.compile(rf"\A(?:[ \t,;:.!?—–…、，。：)*\"'”`]|{DASH})+")


@dataclass(frozen=True, slots=True)
class FoundStatement:
    """A statement of an answer: text[start:end], of which `value`, from `first` on, is the answer."""

    start: int
    first: int
    end: int
    value: str

    @property
    def key(self) -> str:
        """The value in the form in which two mentions of it are compared."""
        return key(self.value)


@dataclass(frozen=True, slots=True)
class Judged:
    """The status of a statement; the text without text[begin:end] is searched next."""

    fate: Fate
    begin: int = 0
    end: int = 0


_FOREIGN = re.compile("[’“«「『❌✗✘❎\u0400-\u04ff\u3040-\u30ff\u3400-\u9fff]")
STANDS = Judged("stands")


def in_doubt(text: str, start: int, end: int) -> bool:
    """True if words in or behind the sentence of a statement may take it back; a quick look."""
    line = start - 1
    if start and text[line] != "\n":
        floor = start - _REACH if start > _REACH else 0
        line, sentence = text.rfind("\n", floor, start), text.rfind(". ", floor, start)
        start = (line if line > sentence else sentence) if line > 0 or sentence > 0 else floor
    # May be wrong in one direction only: where this says no, `judge` is never called.
    window = text[start : end + _FOLLOWING]
    return '"' in window or "`" in window or text.startswith(">", line + 1) or owned(window) or doubtful(window)


def doubtful(window: str) -> bool:
    """True if a text holds a word by which an answer may be taken back, or letters of a language with such words."""
    if "?" in window or "n't" in window or not (window.isascii() or _FOREIGN.search(window) is None):
        return True
    return not ANY_DOUBT.isdisjoint(window.lower().replace("(", " ").replace("*", " ").split())


def values_in(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The spans of the values that a piece of text speaks of."""
    return [match.span("value") for match in _VALUE.finditer(text, start, end)]


def keys_in(text: str, start: int = 0, end: int | None = None) -> frozenset[str]:
    """The values that a piece of text speaks of, in the form in which two mentions of them are compared."""
    end = len(text) if end is None else end
    return frozenset(key(text[first:last]) for first, last in values_in(text, start, end))


def judge(text: str, found: FoundStatement, denied: frozenset[str] = frozenset()) -> Judged:
    """Status of a statement, given the values that the text denies elsewhere."""
    begin = _sentence_begin(text, found.start)
    languages = doubting_languages(text[begin : found.end + _FOLLOWING])
    if found.key in denied:
        return Judged("denied", begin, _sentence_end(text, found.end))
    if not languages:
        return _quoted(text, begin, found)
    stop = _sentence_end(text, found.end)
    # Both apostrophes are one character, so places in the copy are places in the text.
    before = text[begin : found.start].replace("’", "'")
    turn = max((match.end() for match in _TURN.finditer(before)), default=0)
    close = _clause_end(text, found, stop, languages)
    upto = text[begin + turn : found.first].replace("’", "'")
    behind = text[found.end : stop].replace("’", "'")
    denied_before = any(
        language.denies.search(upto) or language.denies.search(before[turn:]) or language.unreal.search(f"{upto}\0{behind}")
        for language in languages
    )
    endorsed = _endorsed(text, found.end, languages) or _endorsed(text, stop, languages)
    asked = "?" in behind and endorsed  # "The answer is 17? Yes."
    if denied_before or (not asked and any(language.denied.match(behind) for language in languages)):
        return Judged("denied", begin + turn, close)
    another = _attributed(before[turn:], upto, behind, languages) or is_another_persons(
        text, (found.start, found.end), found.key, (upto, behind), languages
    )
    if another and not endorsed:
        return Judged("elsewhere", begin + turn, close)
    taken = withdrawal(text, found.end, found.value, languages)
    return Judged("withdrawn", 0, taken) if taken is not None else _quoted(text, begin, found)


def last_withdrawal(text: str, start: int, languages: Sequence[Language]) -> int | None:
    """End of the last words in the last line that take back a value or statement; only where a value was stated."""
    line = start if len(text) - start <= _REACH else max(start, text.rfind("\n") + 1, len(text) - 2 * _REACH)
    last_end, previous = None, ""
    for first, last in _sentences(text, line, len(text)):
        position = first if doubtful(text[first:last]) else last  # a sentence without words of doubt is skipped
        while position < last:
            sentence = text[position:last].replace("’", "'")
            spoken = [language for language in languages if language.letters is None or language.letters.search(sentence)]
            fault = min((match.start() for language in spoken for match in language.faulted.finditer(sentence)), default=0)
            stated = frozenset(key(text[a:b]) for a, b in values_in(text, start, position + fault))
            ends = [end for language in spoken if (end := _taken_back(sentence, previous, stated, language)) is not None]
            if not ends:
                break
            position += max(1, min(ends))  # an empty match must not stop the loop's progress
            last_end = position if _VALUE.search(text, start, position) else last_end
        previous = text[first:last]
    return last_end


def withdrawal(text: str, start: int, value: str, languages: Sequence[Language]) -> int | None:
    """End of the first words that take back a value stated before `start`; None if none do."""
    previous, stated = "", frozenset({key(value)})
    for first, last in _sentences(text, start, min(len(text), start + _FOLLOWING)):
        sentence = text[first:last].replace("’", "'")
        if not doubtful(sentence):
            previous = sentence if first > start else ""
            continue
        spoken = [language for language in languages if language.letters is None or language.letters.search(sentence)]
        ends = [end for language in spoken if (end := _taken_back(sentence, previous, stated, language)) is not None]
        if ends:
            end = first + min(ends)
            rest = text[end : start + _FOLLOWING].replace("’", "'")
            return None if any(language.confirms.search(rest) for language in languages) else end
        previous = sentence if first > start else ""
    return None


def after_openers(text: str, languages: Sequence[Language]) -> str:
    """Text behind a withdrawal, without "so", "it is" and the like before the new answer."""
    text = _MARKS.sub("", text)
    for language in languages:
        match = language.openers.match(text)
        if match is not None and match.end():
            rest = text[match.end() :]
            text = rest if rest.strip() else text
        text = language.ends.sub("", text)
    return text.rstrip("。")


def undenied(text: str, floor: int, denied: frozenset[str]) -> str:
    """Text that is not denied: from `floor` on, or all of it where it does not state a denied value."""
    return text if keys_in(text).isdisjoint(denied) else text[floor:]


def _endorsed(text: str, end: int, languages: Sequence[Language]) -> bool:
    """True if the following words adopt somebody else's answer."""
    behind = text[end : end + _REACH].replace("’", "'")
    return any(language.endorses.match(behind) for language in languages)


def _attributed(before: str, upto: str, behind: str, languages: Sequence[Language]) -> bool:
    """True if the value is somebody else's answer, and not a number of times: "Maria answered 19 questions"."""
    noun = _NOUN.match(behind)
    return any(
        (language.attributes.search(before) or language.attributes.search(upto))
        and (noun is None or noun[1].casefold() in language.particles or not language.acts.search(upto))
        for language in languages
    )


def _taken_back(sentence: str, previous: str, said: frozenset[str], language: Language) -> int | None:
    """Place in a sentence where one of the values stated before it is taken back."""
    ends = []
    plain = language.withdraws.search(sentence)
    if plain is not None and not language.supposes.search(sentence, 0, plain.start()):
        ends.append(plain.end())
    lead = len(sentence) - len(sentence.lstrip(" \t,;:.!?—–-)*\"'”`。，"))
    start = language.starts.match(sentence, lead)
    if start is not None and not _asks_other_question(previous, said):
        ends.append(start.end())
    for match in language.faulted.finditer(sentence):
        clauses = (previous if previous.endswith(";") else "") + sentence[: match.start()]
        meant = match["value"] or next((m["value"] for m in reversed(list(_VALUE.finditer(clauses)))), "")
        if (not meant or key(meant) in said) and not language.supposes.search(sentence, 0, match.start()):
            ends.append(match.end())
            break
    return min(ends, default=None)


def _asks_other_question(previous: str, said: frozenset[str]) -> bool:
    """True if the sentence before "No." asks something else than whether the answer is right: "Did we forget one?"."""
    previous = previous.strip()
    if not previous.endswith(("?", "？")):
        return False
    values = {key(match["value"]) for match in _VALUE.finditer(previous)}
    if _ASKED.search(previous) and not said.isdisjoint(values):
        return False
    return len(previous) > _QUESTION or (said.isdisjoint(values) if values else _OTHERS.search(previous) is not None)


def _quoted(text: str, begin: int, found: FoundStatement) -> Judged:
    """A statement that shows an example, in a quoted line, or in quotation marks behind words that mention an example."""
    line = text.rfind("\n", 0, found.start) + 1
    stop = text.find("\n", found.end)
    stop = len(text) if stop < 0 else stop
    if (
        text.startswith(">", line)
        and not _SHOWN_LAST.match(text, line)
        and any(not other.startswith(">") for other in text.splitlines() if other.strip())
    ):
        return Judged("elsewhere", line, stop)
    before = text[line : found.start]
    if is_shown(before[-_REACH:], text[found.start : found.first]):
        return Judged("elsewhere", begin, _sentence_end(text, found.end))
    if text.startswith("####", found.start) and _MENTION.search(before):
        return Judged("elsewhere", line, stop)
    for opening, closing in _QUOTES:
        place = before.rfind(opening)
        if (
            place < 0
            or (opening != closing and closing in before[place:])
            or (opening == closing and before.count(opening) % 2 == 0)
        ):
            continue
        ending = text.find(closing, found.end)
        beside = before[:place] + (text[ending + 1 : stop] if found.end <= ending < stop else "")
        if _MENTION.search(beside) and ending >= 0:
            return Judged("elsewhere", min(begin, line + place), min(ending + 1, stop))
    return STANDS


def _sentence_begin(text: str, start: int) -> int:
    floor = max(0, start - _REACH)
    begin = floor
    for match in _END.finditer(text, floor, start):  # the last end before the statement counts
        begin = match.end()
    return begin


def _sentence_end(text: str, end: int) -> int:
    match = _END.search(text, end)
    return len(text) if match is None else match.end()


def _clause_end(text: str, found: FoundStatement, stop: int, languages: Sequence[Language]) -> int:
    """End of a statement's clause: behind a denial, before "but" and the like, or at the end of its sentence."""
    turn = _TURN.search(text, found.end, stop)
    ends = [stop if turn is None else turn.start()]
    for language in languages:
        denied = language.denied.match(text[found.end : stop].replace("’", "'"))
        place = None if denied is None else found.end + denied.end()
        ends += [] if place is None or not _VALUE.search(text, place, stop) else [place]
        but = language.but.search(text, found.end, stop)
        ends += [but.start()] if but is not None and but.start() - found.end <= _NEAR else []
    return min(ends)


def _sentences(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Spans of the sentences of text[start:stop], the rest of the first one included."""
    first = start
    for match in _END.finditer(text, start, stop):
        if match.end() > first:
            yield first, match.end()
        first = match.end()
    if first < stop:
        yield first, stop
