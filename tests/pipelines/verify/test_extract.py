"""Where the final answer is: each rule, their order, and what counts as no answer."""

import pytest

from rollmill.ground.records import Completion, Message
from rollmill.pipelines.verify.extract import FinalAnswer, Rule, final_answer, judged_text


def completion(text: str, messages: tuple[Message, ...] | None = None) -> Completion:
    return Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop", messages=messages)


@pytest.mark.parametrize(
    ("text", "answer", "rule"),
    [
        ("12 + 7 = 19\n#### 19", "19", "hash"),
        ("#### Step 1\n3 + 4 = 7\nThe answer is 7.", "7", "phrase"),
        (r"so \boxed{\frac{1}{2}}.", r"\frac{1}{2}", "boxed"),
        (r"first \boxed{3}, but no: \boxed{4}", "4", "boxed"),
        (r"$\boxed{2}$ and $\boxed{3}$", "2 , 3", "boxed"),
        (r"\( \boxed{\frac{3}{4}} \) or \( \boxed{0.75} \)", r"\frac{3}{4} or 0.75", "boxed"),
        (r"\boxed{2} so again \boxed{2}", "2", "boxed"),
        (r"The answer is 5, that is \boxed{6}", "6", "boxed"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}", "boxed"),
        (r"\fbox{8}", "8", "boxed"),
        ("The final answer is 12. I hope it is correct.", "12", "phrase"),
        ("Answer: 3.5", "3.5", "phrase"),
        ("**Answer:** 3.5", "3.5", "phrase"),
        ("We add.\nA: 26", "26", "phrase"),
        ("The answer is:\n7", "7", "phrase"),
        ("<think>\nThe answer is 3? No.\n</think>\n4", "4", "bare"),
        ("so <answer> x = 5 </answer>", "x = 5", "tag"),
        ("<answer>\\boxed{6}</answer>", "6", "boxed"),
        ("Hence\n\\[\nx = 5\n\\]", "\\[ x = 5 \\]", "tail"),
        ("Hence\n$$\nx = 5\n$$", "$$ x = 5 $$", "tail"),
        ("ANSWER: 5", "5", "phrase"),
        ("x = 5", "x = 5", "bare"),
        ("22", "22", "bare"),
        ("She has 5.\nSo she makes $18 every day.", "So she makes $18 every day.", "tail"),
    ],
)
def test_each_rule(text: str, answer: str, rule: Rule) -> None:
    assert final_answer(text) == FinalAnswer(answer, rule)


@pytest.mark.parametrize("text", ["", "   \n ", "\\boxed{}", "####"])
def test_nothing_is_no_answer(text: str) -> None:
    found = final_answer(text)
    assert found is None or found.rule in ("bare", "tail")


@pytest.mark.parametrize("text", ["5 + 3 =", "9 * 1 d9 + 3 = 9 * 3 =", "I add them:\n4 + 3 =  =  = "])
def test_a_calculation_that_breaks_off_is_no_answer(text: str) -> None:
    assert final_answer(text) is None


def test_a_million_line_breaks_are_read() -> None:
    assert final_answer("\n" * 1_000_000 + "7") == FinalAnswer("7", "tail")


def test_a_cut_text_answers_only_with_a_closed_box_or_a_finished_line() -> None:
    assert final_answer("12 + 7 = 19\n#### 1", cut=True) is None
    assert final_answer(r"so \boxed{1", cut=True) is None
    assert final_answer("22", cut=True) is None
    assert final_answer("The answer is 1", cut=True) is None
    assert final_answer(r"so \boxed{19} and", cut=True) == FinalAnswer("19", "boxed")


def test_an_unclosed_box_falls_back_to_the_closed_one() -> None:
    assert final_answer(r"\boxed{3} or \boxed{4") == FinalAnswer("3", "boxed")


def test_depth_and_length_are_the_models_to_choose() -> None:
    deep = "\\boxed{" + "{" * 9_000 + "7" + "}" * 9_000 + "}"
    found = final_answer(deep)
    assert found is not None
    assert found.rule == "boxed"
    assert final_answer("9" * 1_000_000) is not None
    assert final_answer("{" * 10_000) is not None


def test_the_last_turn_is_judged_and_must_be_text() -> None:
    text, ran = Message("assistant", "\\boxed{4}"), Message("assistant", "5", kind="execution")
    assert judged_text(completion("ignored", (ran, text))) == "\\boxed{4}"
    assert judged_text(completion("ignored", (text, ran))) == ""
    assert judged_text(completion("plain")) == "plain"


def test_padding_hides_no_answer_from_the_window() -> None:
    for padding in ("\n" * 30_000, " " * 30_000, "\n" + "word " * 10_000):
        assert final_answer(f"\\boxed{{8}}{padding}7") is None
        assert final_answer(f"#### 8{padding}7") is None
    assert final_answer("word " * 10_000 + "\nso it is 7") == FinalAnswer("so it is 7", "tail")
    assert final_answer("\\boxed{8}" + "word " * 10_000 + "</think>\n7") == FinalAnswer("7", "bare")
