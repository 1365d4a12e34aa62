"""The table of instructions: what each is called, what it takes, how it is checked. Knows no problem and no verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipelines.verify.constraints import counting, forms
from pipelines.verify.constraints.arguments import BadConstraintError, Bounds, bounds_of, checked, unknown
from pipelines.verify.constraints.said import Said
from pipelines.verify.constraints.scripts import SCRIPTS

Check = Callable[[Said, dict[str, Any]], tuple[bool, Any]]
_MATCH = {"match": (frozenset({"word", "substring"}), "word"), "case": (bool, False)}
_ONE = Bounds(1)


@dataclass(frozen=True, slots=True)
class Instruction:
    """How one instruction is checked: `takes` names its arguments with their type, or (type, default)."""

    check: Check
    takes: Mapping[str, Any] = field(default_factory=dict)
    bounded: bool = False
    default: Bounds | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """An instruction with its arguments, ready to check a text."""

    name: str
    check: Check
    given: dict[str, Any]

    def holds(self, said: Said) -> tuple[bool, Any]:
        """(whether the text satisfies it, what was seen)."""
        return self.check(said, self.given)


def _counted(count: Callable[..., int], default: Bounds | None = None, **takes: Any) -> Instruction:
    """An instruction whose count must lie within bounds."""

    def check(said: Said, given: dict[str, Any]) -> tuple[bool, Any]:
        seen = count(said, given) if takes else count(said)
        return given["bounds"].hold(seen), seen

    return Instruction(check, takes, bounded=True, default=default)


def _each(count: Callable[[Said], list[int]]) -> Instruction:
    """An instruction that every part must satisfy; a text without parts satisfies none."""

    def check(said: Said, given: dict[str, Any]) -> tuple[bool, Any]:
        counts = count(said)
        outside = [value for value in counts if not given["bounds"].hold(value)]
        return bool(counts) and not outside, {"parts": len(counts), "outside": outside[:10]}

    return Instruction(check, {}, bounded=True)


def _plain(holds: Callable[[Said], tuple[bool, Any]]) -> Instruction:
    """An instruction without arguments."""
    return Instruction(lambda said, _: holds(said))


_CASE = {"case": (bool, False)}
INSTRUCTIONS: Mapping[str, Instruction] = {
    "acrostic": Instruction(forms.acrostic, {"word": str}),
    "bullets": _counted(counting.bullets),
    "capital_words": _counted(counting.capital_words, letters=(int, 2)),
    "characters": _counted(counting.characters),
    "code_blocks": _counted(counting.code_blocks, _ONE),
    "distinct_words": _counted(counting.distinct_words),
    "ends_with": Instruction(forms.ends_with, {"phrase": str, **_CASE}),
    "first_word": Instruction(forms.first_word, {"word": str, "paragraph": (int, 1), "paragraphs": (int, 0)}),
    "forbidden": Instruction(forms.forbidden, {"words": list, **_MATCH}),
    "highlights": _counted(counting.highlights, _ONE),
    "json": _plain(forms.json_only),
    "keyword": _counted(counting.keyword, _ONE, keyword=str, **_MATCH),
    "keywords": Instruction(forms.keywords, {"keywords": list, **_MATCH}),
    "letter": _counted(counting.letter, letter=str),
    "lines": _counted(counting.lines),
    "lower_case": _plain(forms.lower_case),
    "no_comma": _plain(forms.no_comma),
    "numbered_items": _counted(counting.numbered_items),
    "numbers": _counted(counting.numbers),
    "numeric_range": Instruction(forms.numeric_range, {"minimum": float, "maximum": float}),
    "one_of": Instruction(forms.one_of, {"options": list, "anywhere": (bool, False)}),
    "palindrome": Instruction(forms.palindrome, {"scope": (frozenset({"text", "word"}), "text"), "letters": (int, 3)}),
    "paragraph_words": _each(counting.each_paragraph),
    "paragraphs": _counted(counting.paragraphs, separator=(str, None)),
    "placeholders": _counted(counting.placeholders, _ONE),
    "postscript": Instruction(forms.postscript, {"marker": (str, "P.S.")}),
    "quotation": _plain(forms.quotation),
    "repeat_prompt": Instruction(forms.repeat_prompt, {"prompt": (str, "")}),
    "responses": Instruction(forms.responses, {"exactly": (int, 2), "separator": (str, "******")}),
    "script": Instruction(forms.script, {"script": SCRIPTS}),
    "sections": _counted(counting.sections, _ONE, marker=(str, "Section")),
    "sentence_words": _each(counting.each_sentence),
    "sentences": _counted(counting.sentences),
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
    "word_letters": _each(counting.each_word),
    "words": _counted(counting.words),
}


def constraint_of(row: Mapping[str, Any]) -> Constraint:
    """The constraint of {"id": name, argument: value, ...}; BadConstraintError names what is wrong with it."""
    name = row.get("id")
    if not isinstance(name, str):
        raise BadConstraintError(f"a constraint without an id: {dict(row)!r:.100}")
    if name not in INSTRUCTIONS:
        raise unknown(name, INSTRUCTIONS)
    instruction = INSTRUCTIONS[name]
    arguments = {key: value for key, value in row.items() if key != "id"}
    given = checked(name, arguments, instruction.takes, bounded=instruction.bounded)
    if instruction.bounded:
        given["bounds"] = bounds_of(name, arguments, instruction.default)
    return Constraint(name, instruction.check, given)
