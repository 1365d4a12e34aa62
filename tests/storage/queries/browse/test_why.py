"""Evidence as lines: failed tests first, anything unknown as it is, never an error."""

from rollmill.storage.queries.browse.why import brief, evidence_lines

TESTS = (
    '{"detail":"boom","passed":1,"tests":[{"i":0,"name":"f(1) == 2","status":"passed"},'
    '{"cause":"timeout","detail":"the CPU limit","i":1,"name":"f(2) == 3","status":"error"}],"total":3,"omitted":1}'
)


def test_failed_tests_come_first() -> None:
    assert evidence_lines(TESTS) == [
        "tests passed: 1 of 3 (1 of them not listed)",
        "detail: boom",
        "test 1 error (timeout): f(2) == 3 - the CPU limit",
        "test 0 passed: f(1) == 2",
    ]
    assert evidence_lines(TESTS, most=1)[2:] == [
        "test 1 error (timeout): f(2) == 3 - the CPU limit",
        "... and 1 more tests",
    ]


def test_other_evidence_is_shown_by_key() -> None:
    assert evidence_lines('{"b":[1,"x"],"a":"line\\nline"}') == ["a: line line", 'b: [1, "x"]']
    assert evidence_lines(None) == []
    assert evidence_lines("no json") == ["no json"]
    assert evidence_lines("[1]") == ["[1]"]
    assert evidence_lines('{"passed":1,"total":1,"tests":"odd"}') == ["tests passed: 1 of 1"]
    assert evidence_lines('{"tests":[1,{"i":3}]}') == ["test 3 None: None"]
    assert len(evidence_lines('{"a":"' + "x" * 5_000 + '"}')[0]) == 203


def test_what_was_extracted_is_brief() -> None:
    assert brief(None) == "nothing"
    assert brief("1/2") == "'1/2'"
    assert brief("def f():\n    return 1\n") == "3 lines, 22 characters"
    assert brief("x" * 300) == "1 lines, 300 characters"
