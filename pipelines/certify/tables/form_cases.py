"""Cases for verifiers of form (exact texts, regular expressions, JSON schemas, IFEval's instructions) and of optimization
models.

Data only. An instruction is an id of IFEval with its arguments; a model is JSON.
"""

from typing import Any

EXACT_SAME: tuple[tuple[str, str], ...] = (
    ("yes", "yes"), ("yes", " yes "), ("yes", "yes\n"), ("\tyes", "yes"), ("Grüße", "Grüße"), ("日本", "日本"),
    ("a\nb", "a\nb"), ("7", "7"),
    ("{}", "{}"), ("\\boxed{7}", "\\boxed{7}"), ("a  b", "a  b"), ("x" * 10_000, "x" * 10_000), ("None", "None"),
    ("0", "0"), ("\u00e9", "\u00e9"),
)  # fmt: skip
EXACT_DIFFERENT: tuple[tuple[str, str], ...] = (
    ("yes", "no"), ("yes", "yes."), ("yes", "yes no"), ("yes", "ye"), ("yes", "yess"), ("yes", "'yes'"),
    ("yes", "y\u200bes"), ("yes", "\u0443es"), ("yes", "yes\x00"),
    ("1", "1.0"), ("1", "l"), ("-1", "1"), ("a b", "ab"), ("a\nb", "a b"), ("", "yes"), ("yes", ""), ("yes", ".*"),
    ("yes", "*"), ("yes", "y?es"), ("yes", "\ud800"), ("7", "07"),
    ("x" * 10_000, "x" * 9_999), ("None", "null"), ("{}", "[]"), ("True", "1"), ("yes", "\u202eyes"),
    ("yes", "The answer is yes"), ("yes", "No one says yes"), ("abc", "acb"),
)  # fmt: skip
EXACT_POLICY: tuple[tuple[str, str], ...] = (
    ("yes", "Yes"), ("\u00e9", "e\u0301"), ("a b", "a  b"), ("7", "７"), ("yes", "\ufeffyes"), ("\ufb01", "fi"),
    ("a\r\nb", "a\nb"),
)  # fmt: skip
"""(reference, text): case, composed characters, inner white space."""

DATE, WORD, CALL = r"\d{4}-\d{2}-\d{2}", r"[a-z]+", r"f\((\d+), (\d+)\)"
REGEX_MATCHES: tuple[tuple[str, str], ...] = (
    (DATE, "2026-11-20"), (WORD, "seven"), (CALL, "f(1, 22)"), (r"yes|no", "no"), (r"(?i)yes", "YES"), (r"a{3}", "aaa"),
    (r".", "x"), (r"\w+\s\w+", "two words"),
    (r"[^\d]+", "none"), (r"(?P<a>x)(?P=a)", "xx"), (r"\$\d+\.\d\d", "$3.50"), (r"(?s)a.b", "a\nb"), (r"Grüße", "Grüße"),
    (r"x*y", "y"), (r"(a|b)+c", "ababc"),
)  # fmt: skip
REGEX_MISSES: tuple[tuple[str, str], ...] = (
    (DATE, "2026-11-2"), (DATE, "20 November"), (WORD, "Seven"), (WORD, "two words"), (CALL, "f(1)"),
    (r"yes|no", "yesno"), (r"a{3}", "aa"), (r".", "xy"), (DATE, "x2026-11-20"),
    (r"\$\d+", "5"), (r"[^\d]+", "7"), (DATE, DATE), (WORD, ".*"), (r"a.b", "a\nb"), (r"7", "77"), (r"7", "\\boxed{7}"),
    (WORD, ""), (r"\bcat\b", "concat"),
    (WORD, "seven\n8"), (DATE, "2026-11-20\n2026-11-21"), (r"7", "７"), (WORD, "seven\x00"),
)  # fmt: skip
REGEX_BAIT: tuple[tuple[str, str], ...] = (
    (r"(a+)+$", "a" * 40 + "!"), (r"(a|aa)+$", "a" * 60 + "!"), (r"(.*a){25}", "a" * 24 + "b" * 200),
    (r"([a-z]+)*\d", "a" * 50_000), (r"(x+x+)+y", "x" * 60),
    (r"(.*)*(.*)*(.*)*z", "a" * 200), (r"^(\w+\s?)*$", "word " * 40 + "!"), (r"(?=(a+))a*b\1", "a" * 5_000),
    (r"a{1,1000}{1,1000}b", "a" * 3_000), (r"(a?){40}a{40}b", "a" * 60),
    ("(" * 5_000 + "a" + ")" * 5_000, "b"), (r"[", "["), (r"(", "("), (r"a**", "a"),
    (r"\1", "x"), (r"(?<=a+)b", "ab"), ("a" * 1_000_000, "b"),
    (r"\p{L}" * 2_000 + "!", "a" * 2_000), (r"(?i)" + "\u0130" * 100 + "$", "i" * 400),
)  # fmt: skip
"""(pattern, text): slow, broken, or too large patterns; none matches its text."""

_OBJECT = (
    '{"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"], '
    '"additionalProperties": false}'
)
_LIST = '{"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": true}'
SCHEMA_VALID: tuple[tuple[str, str], ...] = (
    (_OBJECT, '{"n": 1}'), (_OBJECT, '```json\n{"n": 7}\n```'), (_OBJECT, 'Here it is:\n{"n": 12}'),
    (_OBJECT, ' {"n" : 1 } '), (_LIST, '["a"]'), (_LIST, '["a", "b"]'),
    ('{"enum": [1, "x", null]}', "null"), ('{"type": "number"}', "1.5"), ('{"const": {"a": [1, 2]}}', '{"a": [1, 2]}'),
    ('{"type": "object"}', '{"\\u0061": {"b": [{}]}}'),
    ('{"anyOf": [{"type": "string"}, {"type": "object"}]}', '{"a": 1}'),
    ('{"type": "array", "prefixItems": [{"type": "integer"}]}', "[1, true]"), ("true", '{"a": 1}'),
    ('{"type": "object", "properties": {"c": {"$ref": "#"}}}', '{"c": {"c": {}}}'),
    ('{"type": "integer"}', "12345678901234567890123"),
)  # fmt: skip
SCHEMA_INVALID: tuple[tuple[str, str], ...] = (
    (_OBJECT, '{"n": 0}'), (_OBJECT, '{"n": "1"}'), (_OBJECT, "{}"), (_OBJECT, '{"n": 1, "m": 2}'),
    (_OBJECT, '{"n": 1.5}'), (_OBJECT, '{"n": true}'), (_OBJECT, "[1]"), (_OBJECT, '{"n": 1'),
    (_OBJECT, '{"n": 1,}'), (_OBJECT, "{n: 1}"), (_OBJECT, "{'n': 1}"), (_OBJECT, '{"n": NaN}'),
    (_OBJECT, '{"n": Infinity}'), (_OBJECT, '{"n": 1} {"n": 0}'), (_OBJECT, '{"n": 01}'),
    (_OBJECT, '{"n": 0, "n": 1}'), (_OBJECT, '{"n": null}'), (_OBJECT, ""), (_OBJECT, "valid"),
    (_OBJECT, '{"valid": true}'), (_OBJECT, '{"n": 1e400}'), (_OBJECT, '{"n": -1}'), (_LIST, "[]"),
    (_LIST, '["a", "a"]'), (_LIST, "[1]"), (_LIST, '"a"'), ('{"type": "string"}', "{}"), ("false", '{"a": 1}'),
    ('{"const": 1}', '{"a": 1}'), ('{"not": {"type": "object"}}', "{}"),
    ('{"type": "object", "maxProperties": 0}', '{"__proto__": 1}'),
    ('{"type": "object", "properties": {"a": false}}', '{"a": 1}'), (_OBJECT, '{"n": {"$ref": "#"}}'),
)  # fmt: skip
SCHEMA_BAIT: tuple[tuple[str, str], ...] = (
    (_OBJECT, '{"a":' * 100_000), (_OBJECT, "[" * 100_000 + "]" * 100_000), (_OBJECT, '{"n": ' + "9" * 200_000 + ".5}"),
    (_OBJECT, '{"n": "' + "x" * 1_000_000 + '"}'),
    (_OBJECT, "{" * 50_000), ('{"type": "string", "pattern": "^(a+)+$"}', '"' + "a" * 40 + '!"'),
    ('{"type": "object", "patternProperties": {"^(a+)+$": {}}, "additionalProperties": false}', '{"' + "a" * 40 + '!": 1}'),
    ('{"$ref": "#"}', "{}"), ('{"allOf": [{"$ref": "#"}]}', "{}"),
    ('{"$ref": "http://127.0.0.1:@PORT@/@TOKEN@"}', '{"a": 1}'),
    ('{"$schema": "http://127.0.0.1:@PORT@/@TOKEN@", "type": "array"}', '{"a": 1}'),
    ('{"$ref": "file:///etc/passwd"}', '{"a": 1}'), ('{"$dynamicRef": "http://127.0.0.1:@PORT@/@TOKEN@#x"}', '{"a": 1}'),
    ("{", '{"a": 1}'), ('{"type": "nonsense"}', '{"a": 1}'), ('{"multipleOf": 0}', "{}"),
    ('{"uniqueItems": true, "maxItems": 1}', "[" + ",".join('{"a": [' + str(i) + "]}" for i in range(3_000)) + "]"),
    ('{"type": "integer", "multipleOf": 1e-300}', "1e300"), (_OBJECT, '{"n": 1e999999999}'),
    (_OBJECT, '{"n": "\\ud800"}'), (_OBJECT, '{"n":\x00 1}'), (_OBJECT, '{"n": 1}' + "}" * 100_000 + '{"n": 0}'),
)  # fmt: skip
"""(schema, text): deep, large, recursive, remote or broken; none is a valid text under a valid schema."""


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
"""Texts that violate the instruction, and instructions that cannot be checked: never correct."""

UNFOUND: tuple[str, dict[str, Any]] = ("keywords:existence", {"keywords": ["xylophone"]})
"""Instruction that no hostile text meets."""

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
