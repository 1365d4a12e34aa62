"""What is taken of texts that go on from `assert `, as CodeT's postprocess.py takes it."""

from rollmill_papers.claims.released.generated_tests import asserts_in, counted_asserts, until_stop

TEXT = """f(1) == 2, 'one'
assert f(2) == 3
    assert g(2) == 3
assert f(
assert f(3)
print(f(4))
assert f(5) == f(6)
assert f(7)
assert f(8)
"""


def test_a_program_ends_where_its_function_does() -> None:
    assert until_stop("    return 1\n\ndef other():\n    pass\n") == "    return 1\n"
    assert until_stop("    return 1\n# an example\nprint(1)") == "    return 1"
    assert until_stop("    if x:\n        return 1") == "    if x:\n        return 1"


def test_the_first_five_asserts_that_call_the_function_and_can_be_run_alone() -> None:
    assert list(asserts_in(TEXT, "f")) == [
        "assert f(1) == 2, 'one'",
        "assert f(2) == 3",
        "assert f(3)",
        "assert f(5) == f(6)",
        "assert f(7)",
    ]
    assert list(asserts_in("\n    f(1) == 2\n", "f")) == []  # no program, as it stands
    assert list(asserts_in("f(1)\nx = 2", "f")) == []  # two statements
    assert list(asserts_in("True  # f(1)", "f")) == []


def test_asserts_are_counted_over_all_texts() -> None:
    counted = counted_asserts(["f(1)\nassert f(2)", "f(2)"], "f")
    assert dict(counted) == {"assert f(1)": 1, "assert f(2)": 2}
    assert list(counted) == ["assert f(1)", "assert f(2)"]
