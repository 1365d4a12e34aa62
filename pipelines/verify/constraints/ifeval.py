"""The instruction ids of IFEval (Zhou et al. 2023, arXiv:2311.07911) as instructions of ours.

Two things differ from its released checker on purpose: keywords are literal texts (there they are regular expressions), and
a language is recognised by its script only, so one that shares its script with others is refused, not guessed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.verify.constraints.instructions import BadConstraintError, unknown

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


def _first_word(given: Mapping[str, Any]) -> Row:
    where = {"paragraph": given["nth_paragraph"], "paragraphs": given["num_paragraphs"]}
    return {"id": "first_word", "word": given["first_word"], **where}


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
    "detectable_format:constrained_response": lambda _: {"id": "one_of", "options": _ANSWERS, "anywhere": True},
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
    "length_constraints:nth_paragraph_first_word": _first_word,
    "length_constraints:number_paragraphs": lambda g: {
        "id": "paragraphs", "separator": "***", "exactly": g["num_paragraphs"]
    },
    "length_constraints:number_sentences": lambda g: {"id": "sentences", **_bound(g, "num_sentences")},
    "length_constraints:number_words": lambda g: {"id": "words", **_bound(g, "num_words")},
    "punctuation:no_comma": lambda _: {"id": "no_comma"},
    "startend:end_checker": lambda g: {"id": "ends_with", "phrase": g["end_phrase"]},
    "startend:quotation": lambda _: {"id": "quotation"},
}  # fmt: skip
