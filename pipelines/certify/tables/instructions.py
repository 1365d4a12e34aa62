"""Cases for verifiers of instructions (IFEval's ids and arguments) and of optimization models (JSON). Data only."""

from typing import Any

Instruction = tuple[str, dict[str, Any], str]

KEPT: tuple[Instruction, ...] = (
    ("punctuation:no_comma", {}, "No such sign here."),
    ("length_constraints:number_words", {"relation": "at least", "num_words": 3}, "one two three"),
    ("length_constraints:number_words", {"relation": "less than", "num_words": 3}, "one two"),
    ("detectable_format:title", {}, "<<A title>>\ntext"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n* b"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Text.\nP.S. more"),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "Dear [name] of [city]"),
    ("change_case:english_lowercase", {}, "all small letters"),
    ("change_case:english_capital", {}, "ALL LARGE LETTERS"),
    ("startend:end_checker", {"end_phrase": "the end"}, "It is the end"), ("startend:quotation", {}, '"quoted"'),
    ("keywords:existence", {"keywords": ["apple", "pear"]}, "an apple and a pear"),
    ("keywords:forbidden_words", {"forbidden_words": ["apple"]}, "only a pear"),
    ("keywords:frequency", {"keyword": "apple", "frequency": 2, "relation": "at least"}, "apple apple"),
    ("detectable_format:json_format", {}, '{"a": 1}'),
    ("keywords:letter_frequency", {"letter": "z", "let_frequency": 3, "let_relation": "at least"}, "zzz"),
    ("combination:two_responses", {}, "one\n******\ntwo"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "one\n***\ntwo"),
    ("detectable_format:constrained_response", {}, "My answer is yes."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*one* and *two*"),
)  # fmt: skip
"""(instruction, arguments, text) that follows it."""

BROKEN: tuple[Instruction, ...] = (
    ("punctuation:no_comma", {}, "One, two."),
    ("length_constraints:number_words", {"relation": "at least", "num_words": 3}, "one two"),
    ("length_constraints:number_words", {"relation": "less than", "num_words": 3}, "one two three"),
    ("detectable_format:title", {}, "A title"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n* b\n* c"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Text."),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, "Dear [name]"),
    ("change_case:english_lowercase", {}, "Not all small"), ("change_case:english_capital", {}, "NOT ALL Large"),
    ("startend:end_checker", {"end_phrase": "the end"}, "the end is near"),
    ("startend:quotation", {}, '"quoted'), ("keywords:existence", {"keywords": ["apple", "pear"]}, "an apple"),
    ("keywords:forbidden_words", {"forbidden_words": ["apple"]}, "an apple"),
    ("keywords:frequency", {"keyword": "apple", "frequency": 2, "relation": "at least"}, "apple"),
    ("detectable_format:json_format", {}, '{"a": 1'),
    ("keywords:letter_frequency", {"letter": "z", "let_frequency": 3, "let_relation": "at least"}, "zz"),
    ("combination:two_responses", {}, "only one"),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "only one"),
    ("detectable_format:constrained_response", {}, "My answer is perhaps."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*one*"),
    ("detectable_format:json_format", {}, "not json"), ("keywords:existence", {"keywords": ["(a+)+$"]}, "a" * 60 + "!"),
    ("no:such_instruction", {}, "text"),
    ("length_constraints:number_words", {"relation": "at least", "num_words": "many"}, "one"),
    ("keywords:existence", {}, "one"),
    ("keywords:existence", {"keywords": ["apple"]}, ""),
    ("length_constraints:number_words", {"relation": "about", "num_words": 1}, "one"),
)  # fmt: skip
"""Texts that do not follow it, and instructions that nobody can check: never correct."""

UNFOUND: tuple[str, dict[str, Any]] = ("keywords:existence", {"keywords": ["xylophone"]})
"""What no hostile text of ours holds."""

_MODEL = '{"sense": "%s", "variables": {"x": {%s}, "y": {}}, "objective": {"x": 3, "y": 2}, "constraints": [%s]}'
_ROWS = (
    '{"terms": {"x": 1, "y": 1}, "relation": "<=", "value": 5}, {"terms": {"x": 2, "y": 1}, "relation": "<=", "value": 8}'
)
GOOD = _MODEL % ("max", "", _ROWS)
OPTIMA: tuple[tuple[str, str], ...] = (
    ("13", GOOD), ("13.0", GOOD), ("26/2", GOOD), ("13", f"The model is\n```json\n{GOOD}\n```"),
    ("12", _MODEL % ("max", '"upper": 2', _ROWS)),
    ("0", _MODEL % ("min", "", _ROWS)),
    ("unbounded", _MODEL % ("max", "", '{"terms": {"x": 1}, "relation": "<=", "value": 5}')),
    ("infeasible", _MODEL % ("max", "", '{"terms": {"x": 1}, "relation": "<=", "value": -1}')), (GOOD, GOOD),
    ("3", _MODEL % ("max", '"type": "binary"', '{"terms": {"y": 1}, "relation": "<=", "value": 0}')),
    ("13", _MODEL % ("max", "", _ROWS + ', {"terms": {"x": 1}, "relation": ">=", "value": 0}')),
)  # fmt: skip
"""(reference, text): the model's optimum is the reference."""

NO_OPTIMA: tuple[tuple[str, str], ...] = (
    ("13", _MODEL % ("min", "", _ROWS)), ("13", _MODEL % ("max", "", "")),
    ("13", _MODEL % ("max", '"upper": 2.9', _ROWS)), ("13.4", GOOD), ("12.5", GOOD), ("-13", GOOD), ("13", "13"),
    ("13", "The optimum is 13."),
    ("13", '{"optimum": 13}'),
    ("13", '{"sense": "max", "variables": {}, "objective": {}, "offset": 13, "constraints": [{}]}'),
    ("13", GOOD.replace('"max"', '"best"')), ("13", GOOD[:-1]), ("infeasible", GOOD), ("unbounded", GOOD),
    ("13", GOOD.replace('"y": {}', '"z": {}')), ("13", GOOD.replace("3", "NaN")), ("13", GOOD.replace("5}", "1e400}")),
    ("13", GOOD.replace("3,", '"__import__(\'os\')",')), ("13", "[" * 50_000),
    ("13", GOOD + _MODEL % ("min", "", _ROWS)),
    ("13", GOOD.replace('"value": 5', '"value": "5"')), ("1e300", GOOD), ("nonsense", GOOD),
    ("12", _MODEL % ("max", '"lower": 3', _ROWS)), ("13", _MODEL % ("max", '"type": "whole"', _ROWS)),
)  # fmt: skip
"""Another optimum, a malformed model, or none."""
