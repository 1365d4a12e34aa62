"""Two texts word by word: what differs, in both of them, and no more work than a bound."""

import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.parts.difference import MOST, differences


@pytest.mark.parametrize(
    ("first", "second", "left", "right"),
    [
        ("a b c", "a b c", [(True, "a b c")], [(True, "a b c")]),
        (
            "She has 3 apples.",
            "She has 12.5 apples.",
            [(True, "She has "), (False, "3 "), (True, "apples.")],
            [(True, "She has "), (False, "12.5 "), (True, "apples.")],
        ),
        ("a c", "a b c", [(True, "a c")], [(True, "a "), (False, "b "), (True, "c")]),
        ("a\n\nb", "a b", [(True, "a\n\nb")], [(True, "a b")]),
        ("", "x", [], [(False, "x")]),
        ("It is.", "I was.", [(False, "It is.")], [(False, "I was.")]),
        ("...", "...", [(True, "...")], [(True, "...")]),
    ],
)
def test_words_that_differ(first: str, second: str, left: object, right: object) -> None:
    assert differences(first, second) == (left, right, True)


def test_the_words_after_the_first_thousands_are_left_out() -> None:
    long = " ".join(f"w{number}" for number in range(MOST))
    left, right, whole = differences(f"{long} end", f"new {long}")
    assert whole is False
    assert len("".join(text for _, text in left).split()) == MOST // 3 + (MOST % 3 > 0)
    assert right[0] == (False, "new ")


def test_marks_are_no_colour_alone_and_texts_are_inert() -> None:
    imported = "from rollmill.dashboards.parts.difference import show_differences"
    script = f"{imported}\nshow_differences('<b>1</b> \u202e', '<b>2</b> \u202e')"
    shown = AppTest.from_string(script).run()
    legend, left, right = (block.proto.body for block in shown.get("html"))
    assert "line-through" in legend
    assert "underline" in legend
    assert "&lt;b&gt;<del style=" in left
    assert ">1</del>&lt;/b&gt; ⟨202E⟩" in left
    assert ">2</ins>&lt;/b&gt; ⟨202E⟩" in right
    assert "<b>" not in left + right
