"""The table of instructions: name, arguments (bounds, texts, numbers) and check of each."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollmill.pipelines.verify.constraints import forms
from rollmill.pipelines.verify.constraints.forms import (
    CODE_BLOCK,
    HIGHLIGHT,
    NUMBER,
    PLACEHOLDER,
    Response,
    occurrences,
    words_of,
)

BOUNDS = ("at_least", "at_most", "exactly", "less_than", "more_than")
# Not None, which is a default of its own: separator None of `paragraphs` means blank lines.
REQUIRED = object()


class BadConstraintError(ValueError):
    """The problem has an unknown constraint; the message names it and the valid ones."""


@dataclass(frozen=True, slots=True)
class CountBounds:
    """A range of counts, both ends included; `most` None is unbounded."""

    least: int = 0
    most: int | None = None

    def hold(self, count: int) -> bool:
        """True if a count is within bounds."""
        return self.least <= count and (self.most is None or count <= self.most)


def bounds_of(name: str, given: Mapping[str, Any], default: CountBounds | None) -> CountBounds:
    """The bounds among the arguments; the default if there are none."""
    stated = {key: given[key] for key in BOUNDS if key in given}
    if not stated:
        if default is None:
            raise BadConstraintError(f"{name!r} needs one of {', '.join(BOUNDS)}")
        return default
    for key, value in stated.items():
        # YAML's `yes` is True, which Python takes for the count 1.
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise BadConstraintError(f"{name!r}: {key} is {value!r:.40}, and must be a count")
    exactly = stated.get("exactly")
    # A bound that is not stated must not bind: `more_than` -1 gives a least count of 0.
    least = max(stated.get("at_least", 0), stated.get("more_than", -1) + 1, exactly or 0)
    tops = [stated.get("at_most"), exactly, stated["less_than"] - 1 if "less_than" in stated else None]
    most = min((top for top in tops if top is not None), default=None)
    # Bounds that no count meets, such as `less_than` 0, would refuse every response.
    if most is not None and least > most:
        raise BadConstraintError(f"{name!r}: no count is {', '.join(f'{key} {value}' for key, value in stated.items())}")
    return CountBounds(least, most)


def arguments_of(name: str, given: Mapping[str, Any], takes: Mapping[str, Any], *, bounded: bool) -> dict[str, Any]:
    """The arguments with defaults filled in. A default says the type: a text, a number, a list of texts, a flag."""
    known = [*takes, *(BOUNDS if bounded else ())]
    for key in given:
        if key not in known:
            raise BadConstraintError(f"{name!r} takes no {key!r}. Valid: {', '.join(known) or 'nothing'}.")
    arguments: dict[str, Any] = {}
    for key, kind in takes.items():
        wanted, default = kind if isinstance(kind, tuple) else (kind, REQUIRED)
        if key not in given:
            if default is REQUIRED:
                raise BadConstraintError(f"{name!r} needs {key!r}")
            arguments[key] = default
        else:
            arguments[key] = _typed(name, key, given[key], wanted)
    return arguments


def unknown(name: str, known: Iterable[str]) -> BadConstraintError:
    """An error that names an unknown instruction, the nearest known one and all valid ones."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return BadConstraintError(f"unknown constraint {name[:100]!r}.{hint} Valid: {', '.join(choices)}.")


def _typed(name: str, key: str, value: Any, wanted: Any) -> Any:
    """A value of the wanted type; `wanted` is a type, `list` for texts, or a tuple of choices as a frozenset."""
    if isinstance(wanted, frozenset):
        fine = isinstance(value, str) and value in wanted
    elif wanted is list:
        # An empty list, or a blank text in it, would hold for every response.
        fine = isinstance(value, list) and bool(value) and all(isinstance(item, str) and item.strip() for item in value)
    elif wanted is str:
        fine = isinstance(value, str) and bool(value.strip())
    elif wanted is float:
        fine = isinstance(value, (int, float)) and not isinstance(value, bool)
    else:
        fine = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if not fine:
        valid = f" Valid: {', '.join(sorted(wanted))}." if isinstance(wanted, frozenset) else ""
        raise BadConstraintError(f"{name!r}: {key} is {value!r:.60}, which is not valid.{valid}")
    return value


Check = Callable[[Response, dict[str, Any]], tuple[bool, Any]]
_MATCH = {"match": (frozenset({"word", "substring"}), "word"), "case": (bool, False)}
_ONE = CountBounds(1)


@dataclass(frozen=True, slots=True)
class Instruction:
    """Check of an instruction: `takes` names its arguments with their type, or (type, default)."""

    check: Check
    takes: Mapping[str, Any] = field(default_factory=dict)
    bounded: bool = False
    default: CountBounds | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """An instruction with its arguments, ready to check a text."""

    name: str
    check: Check
    arguments: dict[str, Any]

    def holds(self, response: Response) -> tuple[bool, Any]:
        """(whether the response satisfies it, the observation)."""
        return self.check(response, self.arguments)


def _counted(count: Callable[..., int], default: CountBounds | None = None, **takes: Any) -> Instruction:
    """An instruction whose count must be within bounds."""

    def check(response: Response, arguments: dict[str, Any]) -> tuple[bool, Any]:
        number = count(response, arguments) if takes else count(response)
        return arguments["bounds"].hold(number), number

    return Instruction(check, takes, bounded=True, default=default)


def _matches(pattern: re.Pattern[str], default: CountBounds | None = None) -> Instruction:
    """An instruction on how often a pattern matches."""
    return _counted(lambda response: len(pattern.findall(response.text)), default)


def _each(count: Callable[[Response], list[int]]) -> Instruction:
    """An instruction that every part must satisfy; a text without parts satisfies none."""

    def check(response: Response, arguments: dict[str, Any]) -> tuple[bool, Any]:
        sizes = count(response)
        outside = [value for value in sizes if not arguments["bounds"].hold(value)]
        return bool(sizes) and not outside, {"parts": len(sizes), "outside": outside[:10]}

    return Instruction(check, {}, bounded=True)


def _plain(holds: Callable[[Response], tuple[bool, Any]]) -> Instruction:
    """An instruction without arguments."""
    return Instruction(lambda response, _: holds(response))


def _capital_words(response: Response, arguments: dict[str, Any]) -> int:
    """Words of at least `letters` letters that are all capitals."""
    return sum(word.isupper() and sum(map(str.isalpha, word)) >= arguments["letters"] for word in response.words)


def _keyword(response: Response, arguments: dict[str, Any]) -> int:
    """Occurrences of a word or phrase."""
    return occurrences(response.text, arguments["keyword"], whole=arguments["match"] == "word", case=arguments["case"])


def _sections(response: Response, arguments: dict[str, Any]) -> int:
    """Lines that begin with the marker and a number or letter (`Section 1`, `## SECTION B:`), each heading once."""
    marker = re.escape(arguments["marker"].strip())
    # A letter counts only as a capital: the line `Section a reader may skip` is prose.
    pattern = re.compile(rf"(?mi)^[ \t#*]*{marker}(?:\s?(?:\d{{1,4}})|\s(?-i:[A-Z]))\b")
    return len({heading[0].strip(" \t#*").casefold() for heading in pattern.finditer(response.text)})


_CASE = {"case": (bool, False)}
INSTRUCTIONS: Mapping[str, Instruction] = {
    "acrostic": Instruction(forms.acrostic, {"word": str}),
    "bullets": _counted(lambda response: len(response.bullets)),
    "capital_words": _counted(_capital_words, letters=(int, 2)),
    "characters": _counted(lambda response: len(response.text.strip())),
    "code_blocks": _matches(CODE_BLOCK, _ONE),
    "distinct_words": _counted(lambda response: len({word.casefold() for word in response.words})),
    "ends_with": Instruction(forms.ends_with, {"phrase": str, **_CASE}),
    "first_word": Instruction(forms.first_word, {"word": str, "paragraph": (int, 1), "paragraphs": (int, 0)}),
    "forbidden": Instruction(forms.forbidden, {"words": list, **_MATCH}),
    "highlights": _matches(HIGHLIGHT, _ONE),
    "json": _plain(forms.json_only),
    "keyword": _counted(_keyword, _ONE, keyword=str, **_MATCH),
    "keywords": Instruction(forms.keywords, {"keywords": list, **_MATCH}),
    "letter": _counted(lambda response, given: response.text.casefold().count(given["letter"].casefold()), letter=str),
    "lines": _counted(lambda response: len(response.lines)),
    "lower_case": _plain(forms.lower_case),
    "no_comma": _plain(forms.no_comma),
    "numbered_items": _counted(lambda response: len(response.numbered)),
    "numbers": _matches(NUMBER),
    "numeric_range": Instruction(forms.numeric_range, {"minimum": float, "maximum": float}),
    "one_of": Instruction(forms.one_of, {"options": list, "anywhere": (bool, False), "match": _MATCH["match"]}),
    "palindrome": Instruction(forms.palindrome, {"scope": (frozenset({"text", "word"}), "text"), "letters": (int, 3)}),
    "paragraph_words": _each(lambda response: [len(words_of(paragraph)) for paragraph in response.paragraphs()]),
    "paragraphs": _counted(lambda response, given: len(response.paragraphs(given["separator"])), separator=(str, None)),
    "placeholders": _matches(PLACEHOLDER, _ONE),
    "postscript": Instruction(forms.postscript, {"marker": (str, "P.S.")}),
    "quotation": _plain(forms.quotation),
    "repeat_prompt": Instruction(forms.repeat_prompt, {"prompt": (str, "")}),
    "responses": Instruction(forms.responses, {"exactly": (int, 2), "separator": (str, "******")}),
    "script": Instruction(forms.script, {"script": forms.SCRIPTS}),
    "sections": _counted(_sections, _ONE, marker=(str, "Section")),
    "sentence_words": _each(lambda response: [len(words_of(sentence)) for sentence in response.sentences]),
    "sentences": _counted(lambda response: len(response.sentences)),
    "sorted_list": Instruction(
        forms.sorted_list,
        {
            "order": (frozenset({"ascending", "descending"}), "ascending"),
            "by": (frozenset({"text", "number"}), "text"),
        },
    ),
    "starts_with": Instruction(forms.starts_with, {"phrase": str, **_CASE}),
    "title": _plain(forms.title),
    "title_case": _plain(forms.title_case),
    "upper_case": _plain(forms.upper_case),
    "word_letters": _each(lambda response: [sum(map(str.isalnum, word)) for word in response.words]),
    "words": _counted(lambda response: len(response.words)),
}


def constraint_of(row: Mapping[str, Any]) -> Constraint:
    """The constraint of {"id": name, argument: value, ...}; BadConstraintError names its mistake."""
    name = row.get("id")
    if not isinstance(name, str):
        raise BadConstraintError(f"a constraint without an id: {dict(row)!r:.100}")
    if name not in INSTRUCTIONS:
        raise unknown(name, INSTRUCTIONS)
    instruction = INSTRUCTIONS[name]
    stated = {key: value for key, value in row.items() if key != "id"}
    arguments = arguments_of(name, stated, instruction.takes, bounded=instruction.bounded)
    if instruction.bounded:
        arguments["bounds"] = bounds_of(name, stated, instruction.default)
    return Constraint(name, instruction.check, arguments)
