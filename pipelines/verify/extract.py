"""Finds the final answer in what a model wrote.

The order, first that applies:
1. `####` on the last non-empty line: what follows it (GSM8K's form);
2. the last `\\boxed{...}` or `\\fbox{...}` with balanced braces; boxes joined by "and", "or" or a comma are one list;
3. the last `<answer>...</answer>`, or the field "answer" of JSON at the end;
4. the last "answer is", "answer:", or a line that begins with "A:": the rest of that line, or the next line if it is empty;
5. bare: the whole text, if it is one short line that is not a sentence;
6. tail: the last non-empty line (or the last displayed formula), from which each verifier takes what it may.
An answer that the text denies, attributes to somebody else, shows as an example, quotes or takes back is none
(`statements.standing`): the last one that stands counts. A box or tag gives way to a later "the answer is" with a value
behind it.
Text before the last `</think>` is thought, not answer; so is text after a `<think>` that was never closed.
What nobody sees (comments of HTML, TeX and Markdown, hidden elements, phantoms) is no part of the text.
Emoji at the end of an answer are not part of it. A box that was never closed, or is empty, is not an answer.
A text that was cut off (finish reason `length`) has no bare or tail answer, and none that touches its end unclosed.
A box or `####` before the last WINDOW characters is no answer, and then an unmarked last line is none either.
"""

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

from rollmill.ground.records import Completion
from rollmill.pipelines.verify.statements.answering import answering, visible
from rollmill.pipelines.verify.statements.boxes import holds_box, last_box, torn_boxes
from rollmill.pipelines.verify.statements.elsewhere import in_another_language, is_denied_elsewhere, last_said
from rollmill.pipelines.verify.statements.sentences import first_end, last_sentence
from rollmill.pipelines.verify.statements.standing import (
    FoundStatement,
    after_openers,
    doubtful,
    in_doubt,
    judge,
    keys_in,
    last_withdrawal,
    undenied,
    values_in,
)
from rollmill.pipelines.verify.statements.words import Language, doubting_languages, stated_in

Rule = Literal["hash", "boxed", "tag", "phrase", "bare", "tail"]
EXTRACTION: tuple[tuple[Rule, str, str], ...] = (
    ("hash", "11", "behind ####"),
    ("boxed", "11", "in the last box"),
    ("tag", "12", "between the last answer tags"),
    ("phrase", "12", "behind the last “the answer is”"),
    ("bare", "12", "the whole of a short text"),
    ("tail", "15", "from the last line"),
)
"""The rules in the order in which they are tried, each with its version and the place where it finds an answer."""

WINDOW = 20_000
"""Marks are looked for in this many last characters; a final answer further from the end is none."""
THOUGHT_BEGIN, THOUGHT_END = "<think>", "</think>"
BARE_LENGTH = 200
_BARE_WORDS = 6  # more words make a short line a sentence

_COMMANDS = (
    r"(?:left|right|[dtc]?frac|sqrt|boxed|text|mathrm|mathbf|mathbb|begin|end|pi|le|ge|leq|geq|lt|gt|ne|neq|infty|cup|cap|in|cdot|times"
    r"|pm|circ|theta|alpha|beta|quad|sin|cos|tan|log|ln|angle|pmod|binom|[bB]igg?[lr]?|ln|sum|int|lim|ell)(?![A-Za-z])"
)
_DOUBLED = re.compile(rf"(?<!\\)\\\\(?={_COMMANDS})")
_ESCAPES = {"\f": r"\f", "\b": r"\b", "\v": r"\v", "\a": r"\a", "\t": r"\t"}
"""What a reader of escapes leaves of a TeX command (\\frac, \\beta, \\text), with the command's beginning."""
_LOST_ESCAPE = re.compile(
    r"\f(?=rac|box|lat|orall)|\x08(?=oxed|inom|eta|ar\b|ig|egin|oldsymbol)|\v(?=ec|arphi|arepsilon|ee|ert)|\a(?=lpha|pprox|ngle|rc)"
    r"|\t(?=ext\w{0,2}\s*\{|imes(?![a-z])|heta(?![a-z])|frac|an(?![a-z])|herefore(?![a-z])|o(?![a-z]))"
)
_COMMAND = re.compile(rf"(?<!\\)\\(?={_COMMANDS})")
_PHRASE = re.compile(r"(?i)answers?\s*+(?:(?:is|are|was|equals?|would be|will be)\b\s*:?|[:=]|\*\*\s*:?|:\s*\*\*)\s*")
_VALUATION = re.compile(
    r"(?i)(?:(?:now|indeed|still|also) )*(?:right|correct|accurate|verified|confirmed|unchanged|unique|wrong|incorrect)"
    r"[\s*]*(?:[.!,;]|\Z|\s(?:as|because|since|and|but)\b)"
)
_LOWER_ANSWER = re.compile(r"(?i)answer")
_LINE_A = re.compile(r"(?:\A|\n)[ \t]*A[ \t]*:\s*")
_FIELD = re.compile(
    r'"(?:final[ _]?|correct[ _]?)?answer"\s*:\s*(?:"((?:[^"\\\n]|\\.){1,300})"|(-?\d[\d.eE+-]{0,40}))\s*(?=[,}])',
    re.IGNORECASE,
)
_DISPLAYS = {"\\]": "\\[", "$$": "$$", "\\)": "\\("}
_SENTENCE_END = re.compile(r"\.(?=\s+[A-Z]|\s*\Z)|(?i:\s*I hope)")
_FOREIGN_END = re.compile(
    r"(?<!\bca)(?<!\benv)(?<!\baprox)[.!;](?=\s|\Z)|[。！；]|(?<=\d),?\s(?=(?:sino|mais|sondern|mas|ma|bensì|lecz|ale)\b)"
)
_VALUE_FIRST = re.compile(
    r"[\s*$(\[]*(?:\\[(\[]\s*)?(?:[-−+]?\s*\\?[$€£]?\s*[\d.]|\\(?:d?frac|sqrt|pi|boxed)|\(?[A-J]\)?(?![\w'’]))"
)
_DIGITS = re.compile(r"[-−]?\d[\d.,/]*(?<![.,/])")
_BEFORE = 320  # characters before a statement in which its language is looked for
_CLOSING, _MARKED = 2, ("hash", "boxed", "tag")  # so many characters behind an answer can say nothing about it
_MOST_STATEMENTS = 12  # of one text that are looked at, from the last
_SENTENCE_START = re.compile(r"(?<=[.!?])\s+(?=[A-Z$\\*])")
_BOLD = re.compile(r"\A\*\*([^*]+)\*\*\Z")
_TORN = re.compile(r"(?i)(?:\b(?:and|or)|=)[\s$*]*+\Z")
_DECORATION = "[\\s\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d\u20e3]"
_EMOJI = re.compile(rf"(?<!{_DECORATION}){_DECORATION}+\Z")  # else each character of a run would be tried
_WORD = re.compile(
    r"(?<![\\A-Za-z])[A-Za-z]{2,}|[\u0370-\u05ff]{2,}|[\u0600-\u06ff]{2,}|[\u0900-\u0e7f]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}"
)


class FinalAnswer(NamedTuple):
    """An answer's text as written, and the rule that found it."""

    text: str
    rule: Rule


def judged_text(completion: Completion) -> str:
    """The text that holds the answer: the last turn when there are turns (empty unless it is text), else the text."""
    if not completion.messages:
        return completion.text
    last = completion.messages[-1]
    return last.content if last.kind == "text" else ""


Stated = tuple[FinalAnswer, int, int]
"""An answer and where the text states it, from where to where: with its mark, or the whole of an unmarked text."""


def final_answer(text: str, *, cut: bool = False) -> FinalAnswer | None:
    """The final answer of a text, or None when it gives none. `cut` says that generation stopped at its length limit."""
    text, whole = _judged(text)
    stated = _stated(text, cut, 0 if whole else None) if text else None
    if stated is None:
        return None
    answer, start, end = stated
    if (
        (text[start] in "#0123456789" or text.startswith("A:", start))
        and answer[0].isdigit()
        and (not start or text[start - 1] == "\n")
        and len(text) - end <= _CLOSING
    ):
        return answer if text[-1].isascii() else _finished(answer)  # a number behind a plain mark, at the end
    if (not text.isascii() or in_another_language(text, start, end)) and _denied(text, stated):
        return None
    return _standing(text, cut, whole=whole).answer if in_doubt(text, start, end) else _finished(answer)


def _denied(text: str, stated: Stated) -> bool:
    """True if words of a language that is not read otherwise deny the answer: its box, or the number in it."""
    answer, start, end = stated
    if answer.rule == "boxed":
        return is_denied_elsewhere(text, start, end)
    if stated_in(text):
        return False
    numbers = list(_DIGITS.finditer(text, max(start, text.rfind(answer.text, start, end)), end))
    return bool(numbers) and is_denied_elsewhere(text, *numbers[-1 if answer.rule == "tail" else 0].span())


def standing_answer(text: str, *, cut: bool = False, values: Collection[str] = ()) -> tuple[FinalAnswer | None, str]:
    """The final answer, and the text that is left to read without what it denies, attributes or takes back.

    `values`: texts that count as answers even if their words express doubt ("not enough information").
    """
    text, whole = _judged(text)
    if not text:
        return None, ""
    standing = _standing(text, cut, whole=whole, values=values)
    return standing.answer, standing.rest


def given_up(text: str) -> frozenset[str]:
    """The values that a text denies or takes back behind its final answer, each as it is compared (`words.key`)."""
    text, whole = _judged(text)
    if not text:
        return frozenset()
    standing = _standing(text, cut=False, whole=whole)
    return standing.given_up if standing.answer is None else standing.given_up - keys_in(standing.answer.text)


def _judged(text: str) -> tuple[str, bool]:
    """The searched part of a text, and whether no mark precedes it: otherwise its last line is not an answer."""
    text = with_single_backslashes(visible(answering(text)))
    thoughtful = "think>" in text
    if thoughtful and (thought_begin := text.rfind(THOUGHT_BEGIN)) > text.rfind(THOUGHT_END):
        text = text[:thought_begin]
    if len(text) <= WINDOW and not thoughtful:
        return text.rstrip(), True
    before, text = text[:-WINDOW], text[-WINDOW:].rstrip()
    if (thought := text.rfind(THOUGHT_END)) >= 0:
        before, text = "", text[thought + len(THOUGHT_END) :].lstrip()  # a mark in the thought is none of the answer
    return text, not ("####" in before or "boxed{" in before)


def _stated(text: str, cut: bool, floor: int | None) -> Stated | None:
    """The last statement of an answer; an unmarked one only from `floor` on, and none if that is None."""
    stated = _hash(text, cut)
    if stated is not None:
        return stated
    stated = _boxed(text) or _tagged(text)
    if stated is not None:
        if text.find("nswer", stated[2]) < 0:
            return stated
        later = _tagged(text) or _phrase(text, cut)
        gives = later is not None and (later[0].rule == "tag" or _VALUE_FIRST.match(later[0].text))  # not "is unique"
        return later if later is not None and gives and later[1] >= stated[2] else stated
    stated = _phrase(text, cut)
    if stated is None and floor is not None and not cut:
        unmarked = _undecorated(text[floor:] if floor else text)
        if unmarked and not unmarked.isspace():
            answer = _unmarked(unmarked)
            return answer, max(floor, len(text) - BARE_LENGTH, text.rfind("\n") + 1), len(text)
    return stated


class LastStanding(NamedTuple):
    """The final answer, the text left without what was removed before it was found, and the values given up there."""

    answer: FinalAnswer | None
    rest: str
    given_up: frozenset[str] = frozenset()


def _standing(text: str, cut: bool, *, whole: bool, values: Collection[str] = ()) -> LastStanding:
    """The last statement that the text does not retract: retracted ones are removed, one by one."""
    floor, denied, withdrawn = 0, frozenset[str](), frozenset[str]()
    for left in range(_MOST_STATEMENTS):  # bounds the work on a text that denies everything
        stated = _stated(text, cut, floor if whole else None) if text.strip() else None
        if stated is None:
            return LastStanding(None, undenied(text, floor, denied) if left else "", denied | withdrawn)
        answer, start, end = stated
        if left and answer.rule in ("bare", "tail") and doubtful(answer.text) and not values_in(text, start, end):
            return LastStanding(None, undenied(text, floor, denied), denied | withdrawn)  # "that is wrong. I cannot tell."
        if not in_doubt(text, start, end) and not denied:
            return LastStanding(_finished(answer), text[floor:], withdrawn)
        languages = doubting_languages(text[max(0, start - _BEFORE) :])
        if answer.rule in ("bare", "tail") and (taken := last_withdrawal(text, floor, languages)) is not None:
            withdrawn |= keys_in(text, floor, taken)
            text, floor = after_openers(text[taken:], languages), 0
            continue
        statement = _found(text, stated, values)
        judged = judge(text, statement, denied)
        if judged.fate == "stands":
            return LastStanding(
                _finished(_without_contrast(answer, statement, languages)), text[floor:], denied | withdrawn
            )
        if judged.fate == "withdrawn":
            withdrawn |= keys_in(text, start, judged.end)
            text, floor = after_openers(text[judged.end :], languages), 0
            continue
        denied |= {statement.key} if judged.fate == "denied" else set()
        head = text[: judged.begin].rstrip() + "\n" if judged.begin else ""
        text, floor = (head + after_openers(text[judged.end :], languages)).rstrip(), len(head)
    return LastStanding(None, "", denied | withdrawn)


def _found(text: str, stated: Stated, values: Collection[str]) -> FoundStatement:
    """Position of a statement's value: its box, or the first value behind its mark, or the last of an unmarked text."""
    (content, rule), start, end = stated
    if rule == "boxed" or any(value and content.casefold().startswith(value.casefold()) for value in values):
        return FoundStatement(start, start, end, content)
    unmarked = rule in ("bare", "tail")
    first = max(start, text.rfind(content, start, end))
    spans = values_in(text, first, end)
    if not spans:
        return FoundStatement(start, first, end, content)
    first, last = spans[-1 if unmarked else 0]
    return FoundStatement(first if unmarked else start, first, last, text[first:last])


def _without_contrast(answer: FinalAnswer, found: FoundStatement, languages: tuple[Language, ...]) -> FinalAnswer:
    """The answer of "17, not 18"."""
    place = answer.text.find(found.value)
    if answer.rule not in ("phrase", "hash") or place < 0:
        return answer
    end = place + len(found.value)
    cut = any(language.contrast.match(answer.text, end) for language in languages)
    return FinalAnswer(answer.text[:end], answer.rule) if cut else answer


def _finished(answer: FinalAnswer) -> FinalAnswer | None:
    """The answer without decoration, or None if it is incomplete."""
    text, rule = answer
    if rule in _MARKED or text.isdigit():
        return answer if text[-1].isascii() else FinalAnswer(_undecorated(text), rule)
    if _TORN.search(text):
        return None
    if not text[-1].isascii():
        answer = FinalAnswer(text := _undecorated(text), rule)
    if "box" not in text or not holds_box(text):
        return answer
    inside = torn_boxes(text)
    return None if inside is None else FinalAnswer(inside, "boxed")


def with_single_backslashes(text: str) -> str:
    """The text with single backslashes where they were escaped twice (`\\\\frac`), as a file's reader leaves them."""
    if ("\t" in text or "\f" in text or "\b" in text or "\v" in text or "\a" in text) and _LOST_ESCAPE.search(text):
        text = _LOST_ESCAPE.sub(lambda match: _ESCAPES[match[0]], text)
    if "\\\\" not in text or not _DOUBLED.search(text):
        return text
    return _DOUBLED.sub("\\\\", text) if _COMMAND.search(text) else text.replace("\\\\", "\\")


def _undecorated(text: str) -> str:
    """The text without emoji at its end, unless it holds nothing else."""
    return text if text.isascii() else _EMOJI.sub("", text) or text


def _hash(text: str, cut: bool) -> Stated | None:
    mark = text.rfind("####")
    if mark < 0 or cut:
        return None
    tail = text[mark + 4 :].strip()
    return (FinalAnswer(tail, "hash"), mark, len(text)) if tail and "\n" not in tail else None


def _boxed(text: str) -> Stated | None:
    box = last_box(text)
    return None if box is None else (FinalAnswer(box.content, "boxed"), box.start, box.end)


def _tagged(text: str) -> Stated | None:
    last = None
    for last in _FIELD.finditer(text) if 'nswer"' in text and text.endswith(("}", "}\n```")) else ():  # noqa: B007
        pass
    if last is not None:
        return FinalAnswer((last[1] or last[2]).strip(), "tag"), last.start(), last.end()
    end = text.rfind("</answer>")
    start = text.rfind("<answer>", 0, end) if end >= 0 else -1
    content = text[start + len("<answer>") : end].strip() if start >= 0 else ""
    return (FinalAnswer(content, "tag"), start, end + len("</answer>")) if content else None


def _phrase(text: str, cut: bool) -> Stated | None:
    begin, start = _end_of_phrase(text)
    for match in _LINE_A.finditer(text) if _may_begin_with_a(text) else ():
        if match.end() > start:
            begin, start = match.end() - len(match[0].lstrip("\n")), match.end()
    spoken: tuple[Language, ...] = ()
    for language in stated_in(text):
        for match in language.says.finditer(text, max(0, start)):
            if match.end() > start:
                begin, start, spoken = match.start(), match.end(), (language,)
    begin, start = (begin, start) if start >= 0 else last_said(text)
    if start < 0:
        return None
    line, _, rest = text[start:].partition("\n")
    if cut and not rest:  # the line may have gone on
        return None
    if line.strip() in ("\\[", "$$", "\\("):
        line = rest.split("\n\n", 1)[0]
    end = first_end(line, _FOREIGN_END if spoken else _SENTENCE_END)
    content = (line[: end.start] if end else line).strip().strip("*").strip()
    content = spoken[0].ends.sub("", content) if spoken else content
    if not content:
        return None
    last = text.find(content, start) + len(content)
    return FinalAnswer(content, "phrase"), begin, last


def _may_begin_with_a(text: str) -> bool:
    """True if an A stands before a colon somewhere; a quick look, for the pattern is tried at every line."""
    return ":" in text and ("A:" in text or "A :" in text or "A  " in text or "A\t" in text or "A \t" in text)


def _end_of_phrase(text: str) -> tuple[int, int]:
    """Begin and end of the last "answer is" or "answer:", or -1; searched from the end, where it usually is.

    One that calls the answer right or wrong states none if an earlier one does.
    """
    # lower() of other scripts may change the length, and with it every index
    low = text.lower() if text.isascii() else _LOWER_ANSWER.sub("answer", text)
    position, last = low.rfind("answer"), (-1, -1)
    while position >= 0:
        match = _PHRASE.match(text, position)
        if match is not None:
            if _VALUATION.match(text, match.end()) is None:
                return match.span()
            last = max(last, match.span())
        position = low.rfind("answer", 0, position)
    return last


def _unmarked(text: str) -> FinalAnswer:
    if text.isdigit() and len(text) <= BARE_LENGTH:
        return FinalAnswer(text, "bare")
    if "\n" not in text.strip() and len(text) <= BARE_LENGTH and len(_WORD.findall(text)) <= _BARE_WORDS:
        return FinalAnswer(_BOLD.sub(r"\1", text.strip()), "bare")
    last = text[text.rfind("\n") + 1 :].strip()
    last = last.lstrip("> ") or last
    opening = _DISPLAYS.get(last)
    if opening is not None:
        start = text.rfind(opening, 0, len(text) - len(last))  # `$$` opens and closes
        if start >= 0 and len(text) - start <= BARE_LENGTH:
            return FinalAnswer(" ".join(text[start:].split()), "tail")
    return FinalAnswer(last_sentence(last, _SENTENCE_START), "tail")
