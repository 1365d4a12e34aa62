"""Every instruction: texts that satisfy it, texts that do not, and the edge between them."""

from typing import Any

import pytest

from rollmill.pipelines.verify.constraints.forms import Response
from rollmill.pipelines.verify.constraints.instructions import INSTRUCTIONS, BadConstraintError, constraint_of

PROMPT = "Say  hello\nto Ann."

# instruction: [(arguments, [texts that satisfy it], [texts that do not])]; the last texts of each list are the edge
TABLE: dict[str, list[tuple[dict[str, Any], list[str], list[str]]]] = {
    "acrostic": [
        (
            {"word": "sun"},
            ["Sand\nUnder\nNight", "- stars\n\n* up\n1. now"],
            ["Sand\nUnder", "Sun", "sand\nunder\nnight\nx"],
        )
    ],
    "bullets": [
        (
            {"exactly": 2},
            ["* a\n* b", "x\n- a\n  + b", "• a\n• b"],
            ["* a", "* a\n* b\n* c", "*a*\n*b*", "-a\n-b", "---\n- a"],
        ),
        ({"at_least": 0}, ["none", "* a"], []),
    ],
    "capital_words": [
        ({"at_least": 2}, ["NASA and ESA", "A-B CDE"], ["NASA", "I saw A", "Nasa Esa"]),
        ({"less_than": 1, "letters": 1}, ["none here"], ["I am"]),
        ({"at_least": 1, "letters": 1}, ["I am"], ["i am", "123"]),
    ],
    "characters": [({"at_most": 3}, ["abc", " abc \n", "é\u0301a"], ["abcd", "a  b"])],
    "code_blocks": [
        ({}, ["```\nx\n```", "a\n```python\nx\n```\nb"], ["`x`", "```\nx", "x ``` y ```"]),
        ({"exactly": 2}, ["```\nx\n```\n```\ny\n```"], ["```\nx\n```"]),
    ],
    "distinct_words": [({"exactly": 2}, ["a b A B", "no No yes"], ["a", "a b c"])],
    "ends_with": [
        (
            {"phrase": "Any questions?"},
            ["So. Any questions?", 'x "any questions?"', "any questions?\n"],
            ["Any questions? No."],
        ),
        ({"phrase": "END", "case": True}, ["the END"], ["the end"]),
        ({"phrase": "***"}, ["the end\n***"], ["the end", "the end **"]),
        ({"phrase": '"'}, ['"the end"'], ["the end"]),
    ],
    "first_word": [
        ({"word": "hello"}, ["Hello there", "hello, x\n\ny", '"Hello"'], ["Oh hello", "", "hellos"]),
        ({"word": "b", "paragraph": 2, "paragraphs": 2}, ["a\n\nb c", "a\n\n\n\nB"], ["a\n\nc", "b", "a\n\nb\n\nc"]),
        ({"word": "b", "paragraph": 0}, [], ["b"]),
    ],
    "forbidden": [
        ({"words": ["cat", "red dog"]}, ["a dog", "concatenate", "red\nbig dog"], ["a Cat.", "cat's", "red\n dog"]),
        ({"words": ["cat"], "match": "substring"}, ["dog"], ["concatenate"]),
        ({"words": ["Cat"], "case": True}, ["cat"], ["Cat"]),
        ({"words": ["c.t"]}, ["cat"], ["a c.t"]),
    ],
    "highlights": [
        ({"at_least": 2}, ["*a* and *b c*", "**a** *b*"], ["*a*", "* a *", "2 * 3 * 4", "* a\n* b", "*a\nb* *c*", "**"]),
        ({}, ["*a*"], ["a*b*c"]),
    ],
    "json": [
        (
            {},
            ['{"a": 1}', "[]", '```json\n{"a": 1}\n```', ' {"a": {"b": []}}\n'],
            ["", "3", '"a"', 'Here: {"a": 1}', "{'a': 1}", '{"a": NaN}', '{"a": 1, "a": 2}', "```\n{}\n```\n```\n{}\n```"],
        )
    ],
    "keyword": [
        ({"keyword": "cat", "exactly": 2}, ["cat Cat", "cat, cat; concat"], ["cat", "cat cat cat", "catcat"]),
        ({"keyword": "red dog"}, ["a Red  dog."], ["red, dog", "reddog"]),
        ({"keyword": "a", "match": "substring", "less_than": 3}, ["banal"], ["banana"]),
        ({"keyword": "C++"}, ["I like C++."], ["I like C"]),
    ],
    "keywords": [
        ({"keywords": ["cat", "dog"]}, ["Dog and cat", "cat\ndog"], ["cat", "cats and dog", ""]),
        ({"keywords": ["cat"], "match": "substring"}, ["cats"], ["act"]),
        ({"keywords": ["(x"]}, ["f (x"], ["x"]),
    ],
    "letter": [
        ({"letter": "e", "at_least": 3}, ["eEe", "e e e"], ["ee", "\u00e9\u00e9\u00e9"]),
        ({"letter": "!", "exactly": 0}, ["calm"], ["loud!"]),
    ],
    "lines": [({"exactly": 2}, ["a\nb", "a\n\n \nb\n", "a\r\nb"], ["a", "a\nb\nc", ""])],
    "lower_case": [({}, ["all small, 3 of them.", "straße"], ["One", "3", "", "aB"])],
    "no_comma": [({}, ["none here; none"], ["one, two", "一，二", "a、b", "أ، ب"])],
    "numbered_items": [({"exactly": 2}, ["1. a\n2. b", "1) a\n x\n7) b"], ["1. a", "1.a\n2.b", "in 1. b\n2. c"])],
    "numbers": [({"exactly": 2}, ["3 and -4.5", "1,234 or 5", "12. Then 3."], ["3", "v2 x3", "1.2.3", "1 2 3"])],
    "numeric_range": [
        (
            {"minimum": 1, "maximum": 10},
            ["7", "from 1 to 10", "2.5 and 9.99"],
            ["11", "0", "none", "-5", "1,000", "9" * 500],
        )
    ],
    "one_of": [
        (
            {"options": ["My answer is yes.", "My answer is no."]},
            ["My answer is yes.", " my answer is NO \n", '"My answer is yes."'],
            ["yes", "My answer is yes. Indeed.", "My answer is maybe.", ""],
        ),
        ({"options": ["is yes", "is no"], "anywhere": True}, ["It is YES."], ["It is so.", "is yes is no"]),
        ({"options": ["yes", "no"], "anywhere": True}, ["Yes, I know that."], ["I know that.", "Yes and no."]),
        ({"options": ["是", "否"], "anywhere": True, "match": "substring"}, ["答案是对的"], ["对的"]),
    ],
    "palindrome": [
        ({}, ["A man, a plan, a canal: Panama!", "abba", "12321"], ["abb", "aa", "", "..."]),
        ({"scope": "word", "letters": 5}, ["my kayak is red"], ["wow", "kayaks are red"]),
    ],
    "paragraph_words": [({"at_least": 2}, ["a b\n\nc d", "a b"], ["a b\n\nc", ""])],
    "paragraphs": [
        ({"exactly": 2}, ["a\n\nb", "a\nb\n \n\nc\n\n"], ["a\nb", "a\n\nb\n\nc"]),
        ({"exactly": 2, "separator": "***"}, ["a\n***\nb", "a***b***"], ["a\n\nb", "a"]),
    ],
    "placeholders": [
        ({"at_least": 2}, ["[name] at [address]", "[a][b]"], ["[name]", "[]", "[a\nb] [c]", "[text](link) [x]", "[[]"])
    ],
    "postscript": [
        ({}, ["Hi.\n\nP.S. Call me", "Hi.\nP. S. x", "Hi\n\n**P.S.** x"], ["Hi", "P.S.", "Hi P.S. x", "P.S. x\n\nmore"]),
        ({"marker": "P.P.S"}, ["a\n\nP.P.S. b", "a\np.p.s b"], ["a\n\nP.S. b"]),
        ({"marker": "Note:"}, ["a\nNote: b"], ["a\nNote b"]),
    ],
    "quotation": [({}, ['"all of it"', " “all”\n", "«x»"], ['"a', "'a'", '""', '" "', 'a "b"', "", '"a”'])],
    "repeat_prompt": [
        (
            {},
            ["Say hello to Ann. Hello!", "say Hello\nTO ann.\nHi"],
            ["Hello!", "Say hello to Ann.", "I say hello to Ann. x"],
        ),
        ({"prompt": "Other"}, ["Other. Yes"], ["Say hello to Ann. Hello!"]),
    ],
    "responses": [
        ({}, ["a\n******\nb", "******a******b"], ["a", "a******a", "a******b******c", "a\n***\nb", "a************b"]),
        ({"exactly": 3, "separator": "---"}, ["a---b---c"], ["a---b"]),
    ],
    "script": [
        ({"script": "cyrillic"}, ["Привет, мир", "Он сказал: да! OK"], ["Hello", "Привет hello world", "123", ""]),
        ({"script": "japanese"}, ["これは本です", "カタカナ"], ["这是书", "한국어"]),
        ({"script": "han"}, ["这是一本书", "人々"], ["これはほんです"]),
        ({"script": "kana"}, ["コンピューター", "らーめん"], ["人々", "computer"]),
        ({"script": "latin"}, ["Grüße", "Việt Nam", "ˈɹɪŋkəl ɪz ə wɜːd"], ["Ελλάδα"]),
        ({"script": "devanagari"}, ["नमस्ते दुनिया"], ["নমস্কার"]),
    ],
    "sections": [
        (
            {"at_least": 2},
            ["Section 1\nx\nSection 2\ny", "## SECTION 1: a\n**Section 2**"],
            ["Section 1", "Section 1\nSection 1"],
        ),
        ({"marker": "PART"}, ["Part A\nx"], ["Party", "the part 1", "Parts"]),
    ],
    "sentence_words": [({"at_most": 3}, ["One two three. Four.", "a b c"], ["One two three four. Five.", ""])],
    "sentences": [
        (
            {"exactly": 2},
            [
                "One. Two.",
                "Dr. Who met J. Smith. Then left!",
                "It is 3.5 m. Yes",
                "Wait... What?",
                'He said "no." She left.',
                "One\n\nTwo",
                "是的。好！",
                "It cost 5. Then 6",
            ],
            ["One.", "One. Two. Three.", "", "...", "Use e.g. this."],
        )
    ],
    "sorted_list": [
        ({}, ["* ant\n* Bee\n* cat", "1. a\n2. a", "ant, bee, cat."], ["* b\n* a", "ant", "", "bee, ant"]),
        ({"by": "number"}, ["- 2\n- 10", "1, 2, 3"], ["- 10\n- 2", "- two\n- 3"]),
        ({"order": "descending"}, ["c, b, a", "b, b"], ["a, b"]),
    ],
    "starts_with": [
        ({"phrase": "Dear Ann"}, ["Dear Ann, hi", "\n dear ANN"], ["My dear Ann", "Dear", ""]),
        ({"phrase": "A", "case": True}, ["A b"], ["a b"]),
    ],
    "title": [({}, ["<<Poem>>\nx", "x << a b >> y"], ["<Poem>", "<<>>", "<< >>", "<<a\nb>>"])],
    "title_case": [({}, ["The Lord of the Rings", "A", "3 Men"], ["the Lord", "A bad One", "", "Lord oF"])],
    "upper_case": [({}, ["ALL OF IT, 3!"], ["All", "3", "", "ABCß"])],
    "word_letters": [({"at_most": 4}, ["a word", "don't"], ["longer", "", "well-known"])],
    "words": [
        ({"at_least": 3, "at_most": 4}, ["a b c", "one don't well-known x"], ["a b", "a b c d e", "", "- ... !"]),
        ({"less_than": 3}, ["a b"], ["a b c"]),
        ({"more_than": 3}, ["a b c d"], ["a b c"]),
    ],
}

GOOD = [(name, given, text) for name, rows in TABLE.items() for given, good, _ in rows for text in good]
BAD = [(name, given, text) for name, rows in TABLE.items() for given, _, bad in rows for text in bad]


def holds(name: str, given: dict[str, Any], text: str) -> bool:
    return constraint_of({"id": name, **given}).holds(Response(text, PROMPT))[0]


@pytest.mark.parametrize(("name", "given", "text"), GOOD)
def test_it_holds(name: str, given: dict[str, Any], text: str) -> None:
    assert holds(name, given, text)


@pytest.mark.parametrize(("name", "given", "text"), BAD)
def test_it_does_not_hold(name: str, given: dict[str, Any], text: str) -> None:
    assert not holds(name, given, text)


def test_every_instruction_has_a_positive_a_negative_and_an_edge() -> None:
    assert sorted(TABLE) == sorted(INSTRUCTIONS)
    assert len(INSTRUCTIONS) == 40
    for name, rows in TABLE.items():
        assert any(good for _, good, _ in rows), name
        assert sum(len(bad) for _, _, bad in rows) >= 2, name
        assert sum(len(good) + len(bad) for _, good, bad in rows) >= 3, name


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "word"}, "unknown constraint 'word'. Did you mean 'words'? Valid: acrostic, bullets"),
        ({}, "a constraint without an id"),
        ({"id": "words"}, "needs one of at_least, at_most, exactly, less_than, more_than"),
        ({"id": "words", "at_lest": 3}, "takes no 'at_lest'. Valid: at_least"),
        ({"id": "words", "at_least": "3"}, "at_least is '3', and must be a count"),
        ({"id": "words", "at_least": True}, "must be a count"),
        ({"id": "words", "exactly": -1}, "must be a count"),
        ({"id": "words", "at_least": 5, "at_most": 4}, "no count is at_least 5, at_most 4"),
        ({"id": "words", "less_than": 0}, "no count is less_than 0"),
        ({"id": "keyword"}, "needs 'keyword'"),
        ({"id": "keyword", "keyword": " "}, "which is not valid"),
        ({"id": "keywords", "keywords": []}, "which is not valid"),
        ({"id": "keywords", "keywords": ["a", 3]}, "which is not valid"),
        ({"id": "script", "script": "klingon"}, "Valid: arabic, armenian"),
        ({"id": "title", "exactly": 1}, "takes no 'exactly'. Valid: nothing."),
        ({"id": "numeric_range", "minimum": "a", "maximum": 3}, "which is not valid"),
    ],
)
def test_a_malformed_constraint_says_what_is_wrong(row: dict[str, Any], said: str) -> None:
    with pytest.raises(BadConstraintError) as caught:
        constraint_of(row)
    assert said in str(caught.value)


def test_bounds_may_be_joined() -> None:
    for count, fine in ((2, False), (3, True), (5, True), (6, False)):
        text = "w " * count
        assert holds("words", {"at_least": 3, "at_most": 5}, text) is fine
        assert holds("words", {"more_than": 2, "less_than": 6}, text) is fine
