"""The verifier `constraints`: checks instructions about the form of a text. The constraints are the problem's tests.

A test is JSON: {"id": "words", "at_least": 50}, a list of such, or a row of IFEval
{"instruction_id_list": [...], "kwargs": [...]}. Correct if all hold; the share that holds is the value; the observations
are the evidence. A constraint that is unknown or malformed makes the verdict `undecided`.

`mode: strict` judges the text unchanged. `mode: loose` (IFEval's) takes a constraint as met if one of eight texts meets it:
unchanged, without its first line, its last line, or both; each with and without its asterisks.

The instruction ids of IFEval (Zhou et al. 2023, arXiv:2311.07911) are read as instructions of ours. Two things differ from
its released checker on purpose: keywords are literal texts (there they are regular expressions), and a language is
recognised by its script only, so one that shares its script with others is refused, not guessed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from rollmill.ground.errors import unknown_name
from rollmill.ground.formats.json_text import BadJsonError, parse_json
from rollmill.ground.formats.patterns import dialect
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.constraints.forms import Response
from rollmill.pipelines.verify.constraints.instructions import (
    INSTRUCTIONS,
    BadConstraintError,
    Constraint,
    constraint_of,
    unknown,
)
from rollmill.pipelines.verify.finding import (
    EVIDENCE_BYTES,
    Finding,
    OneByOne,
    prompt_text,
    rule_table,
    version_of,
    visible_text,
)

Row = dict[str, Any]
# The languages that their script tells from all others of the table (ISO 639-1): for the rest a script is no answer.
BY_LANGUAGE: Mapping[str, str] = {
    "am": "ethiopic", "bn": "bengali", "el": "greek", "gu": "gujarati", "he": "hebrew", "hy": "armenian", "ja": "japanese",
    "ka": "georgian", "km": "khmer", "kn": "kannada", "ko": "hangul", "lo": "lao", "ml": "malayalam", "my": "myanmar",
    "pa": "gurmukhi", "si": "sinhala", "ta": "tamil", "te": "telugu", "th": "thai", "bo": "tibetan",
}  # fmt: skip
_RELATIONS = {"at least": "at_least", "less than": "less_than", "at most": "at_most", "exactly": "exactly"}


def row_of(name: str, given: Mapping[str, Any] | None) -> Row:
    """The {"id": ...} row of one IFEval instruction with its keyword arguments; those that are null are read over."""
    if name not in _TRANSLATED:
        raise unknown(name, _TRANSLATED)
    arguments = {key: value for key, value in (given or {}).items() if value is not None}
    try:
        return _TRANSLATED[name](arguments)
    except KeyError as error:
        raise BadConstraintError(f"{name!r} needs {error.args[0]!r}") from None


def _bound(given: Mapping[str, Any], count: str, relation: str = "relation") -> Row:
    stated = str(given.get(relation, "at least"))
    if stated not in _RELATIONS:
        raise BadConstraintError(f"relation {stated[:40]!r}. Valid: {', '.join(_RELATIONS)}.")
    return {_RELATIONS[stated]: given[count]}


def _language(given: Mapping[str, Any]) -> Row:
    code = str(given["language"])
    if code not in BY_LANGUAGE:
        raise BadConstraintError(
            f"language {code[:20]!r} is not told by its script. Valid: {', '.join(sorted(BY_LANGUAGE))}."
        )
    return {"id": "script", "script": BY_LANGUAGE[code]}


_ANSWERS = ["My answer is yes.", "My answer is no.", "My answer is maybe."]
_TRANSLATED: Mapping[str, Callable[[Mapping[str, Any]], Row]] = {
    "change_case:capital_word_frequency": lambda g: {
        "id": "capital_words", "letters": 1, **_bound(g, "capital_frequency", "capital_relation")
    },
    "change_case:english_capital": lambda _: {"id": "upper_case"},
    "change_case:english_lowercase": lambda _: {"id": "lower_case"},
    "combination:repeat_prompt": lambda g: {"id": "repeat_prompt", "prompt": g["prompt_to_repeat"]},
    "combination:two_responses": lambda _: {"id": "responses", "exactly": 2},
    "detectable_content:number_placeholders": lambda g: {"id": "placeholders", "at_least": g["num_placeholders"]},
    "detectable_content:postscript": lambda g: {"id": "postscript", "marker": g["postscript_marker"]},
    "detectable_format:constrained_response": lambda _: {
        "id": "one_of", "options": _ANSWERS, "anywhere": True, "match": "substring"
    },
    "detectable_format:json_format": lambda _: {"id": "json"},
    "detectable_format:multiple_sections": lambda g: {
        "id": "sections", "marker": g["section_spliter"], "at_least": g["num_sections"]
    },
    "detectable_format:number_bullet_lists": lambda g: {"id": "bullets", "exactly": g["num_bullets"]},
    "detectable_format:number_highlighted_sections": lambda g: {"id": "highlights", "at_least": g["num_highlights"]},
    "detectable_format:title": lambda _: {"id": "title"},
    "keywords:existence": lambda g: {"id": "keywords", "keywords": g["keywords"], "match": "substring"},
    "keywords:forbidden_words": lambda g: {"id": "forbidden", "words": g["forbidden_words"]},
    "keywords:frequency": lambda g: {
        "id": "keyword", "keyword": g["keyword"], "match": "substring", **_bound(g, "frequency")
    },
    "keywords:letter_frequency": lambda g: {
        "id": "letter", "letter": g["letter"], **_bound(g, "let_frequency", "let_relation")
    },
    "language:response_language": _language,
    "length_constraints:nth_paragraph_first_word": lambda g: {
        "id": "first_word", "paragraph": g["nth_paragraph"], "paragraphs": g["num_paragraphs"], "word": g["first_word"]
    },
    "length_constraints:number_paragraphs": lambda g: {
        "id": "paragraphs", "separator": "***", "exactly": g["num_paragraphs"]
    },
    "length_constraints:number_sentences": lambda g: {"id": "sentences", **_bound(g, "num_sentences")},
    "length_constraints:number_words": lambda g: {"id": "words", **_bound(g, "num_words")},
    "punctuation:no_comma": lambda _: {"id": "no_comma"},
    "startend:end_checker": lambda g: {"id": "ends_with", "phrase": g["end_phrase"]},
    "startend:quotation": lambda _: {"id": "quotation"},
}  # fmt: skip


LONGEST = 1_000_000
MOST = 200


class ConstraintsVerifier(OneByOne):
    """Checks in the calling thread; starts no process."""

    name = "constraints"
    rules, words = rule_table(
        ("tests", "1", "the problem's constraints cannot be read"),
        ("text", "1", "no text that can be checked"),
        ("all", "2", "every constraint checked"),
    )

    def __init__(self, *, mode: Literal["strict", "loose"] = "strict") -> None:
        """Take the options of a recipe.

        Args:
            mode: Check the unchanged text (`strict`), or accept it also without its first line, last line or asterisks
            (`loose`).
        """
        if mode not in ("strict", "loose"):
            raise unknown_name("mode of verifier 'constraints'", mode, ("loose", "strict"))
        self._loose = mode == "loose"
        self.version = version_of(self.rules, mode=mode, instructions=len(INSTRUCTIONS), scripts=dialect())

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        try:
            constraints = _of(problem.tests)
        except BadConstraintError as error:
            return Finding("undecided", "tests", str(error))
        text = visible_text(completion)
        if not text.strip():
            return Finding("unparsed", "text", "the text is empty")
        if len(text) > LONGEST:
            return Finding("undecided", "text", f"size_limit: the text is longer than {LONGEST} characters")
        return self._finding(constraints, text, prompt_text(problem.prompt))

    def _finding(self, constraints: Sequence[Constraint], text: str, prompt: str) -> Finding:
        responses = [Response(text, prompt)]
        if self._loose:
            responses += [Response(variant, prompt) for variant in variants(text)]
        rows = [_row(constraint, responses) for constraint in constraints]
        satisfied = sum(row["holds"] for row in rows)
        outcome = "correct" if satisfied == len(rows) else "incorrect"
        return Finding(outcome, "all", None, satisfied / len(rows), evidence=rows)  # type: ignore[arg-type]


def variants(text: str) -> Iterator[str]:
    """IFEval's seven loose forms of a text, without those that are empty."""
    lines = text.strip().split("\n")
    cut = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    for variant in (*cut, text.replace("*", ""), *(part.replace("*", "") for part in cut)):
        if variant.strip():
            yield variant


def _row(constraint: Constraint, responses: Sequence[Response]) -> dict[str, Any]:
    """Evidence of one constraint on the unchanged text, cut to its part of a verdict, and whether any form satisfied it."""
    holds, observed = constraint.holds(responses[0])
    # Half of an equal share each, so that MOST rows with their names fit into one verdict.
    if len(canonical_json(observed)) > EVIDENCE_BYTES // (2 * MOST):
        observed = canonical_json(observed)[:100]
    row = {"id": constraint.name, "holds": holds, "saw": observed}
    if not holds and any(constraint.holds(response)[0] for response in responses[1:]):
        row |= {"holds": True, "loosely": True}
    return row


@lru_cache(maxsize=4_096)
def _of(tests: tuple[str, ...]) -> tuple[Constraint, ...]:
    """The constraints of a problem's tests; BadConstraintError when there are none or one is malformed."""
    rows: list[Mapping[str, Any]] = []
    for test in tests:
        try:
            rows.extend(_rows(parse_json(test)))
        except BadJsonError as error:
            raise BadConstraintError(f"a test is not JSON: {error}") from None
    if not rows:
        raise BadConstraintError("the problem has no constraints among its tests")
    if len(rows) > MOST:
        raise BadConstraintError(f"{len(rows)} constraints, more than {MOST}")
    return tuple(constraint_of(row) for row in rows)


def _rows(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _rows(item)
    elif isinstance(value, dict) and "instruction_id_list" in value:
        names, arguments = value["instruction_id_list"], value.get("kwargs") or []
        if not isinstance(names, list) or not isinstance(arguments, list) or len(arguments) not in (0, len(names)):
            raise BadConstraintError("instruction_id_list and kwargs are not lists of one length")
        for index, name in enumerate(names):
            yield row_of(str(name), arguments[index] if arguments else None)
    elif isinstance(value, dict):
        yield value
    else:
        raise BadConstraintError(f"a constraint is not an object: {value!r:.60}")
