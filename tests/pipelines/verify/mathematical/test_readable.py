"""Answers that a reader takes for the reference although they are written in another way, and their wrong neighbours."""

import pytest

from rollmill.pipelines.verify import verify

RIGHT = [
    (r"3\mathbf{i}-2\mathbf{j}+\mathbf{k}", r"\boxed{3\hat{i}-2\hat{j}+\hat{k}}"),
    (r"\begin{pmatrix}3\\-2\\1\end{pmatrix}", r"\boxed{3\mathbf{i}-2\mathbf{j}+\mathbf{k}}"),
    (r"\langle 3,-2,1\rangle", r"\boxed{3\hat{\mathbf{i}}-2\hat{\mathbf{j}}+\hat{\mathbf{k}}}"),
    ("(0,-2,1)", r"\boxed{-2\vec{j}+\vec{k}}"),
    (r"2\hat{\imath}+3\hat{\jmath}", r"\boxed{(2,3)}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\boxed{\begin{pmatrix}1&2\\[4pt]3&4\end{pmatrix}}"),
    ("-2", r"\boxed{\begin{vmatrix}1&2\\3&4\end{vmatrix}=-2}"),
    (r"x\equiv 3\pmod 7", r"\boxed{3 \pmod{7}}"),
    (r"x\equiv 3\pmod{7}", r"\boxed{x \equiv 10 \mod 7}"),
    ("3", r"\boxed{17\equiv 3 \pmod 7}"),
    ("2 hours 30 minutes", r"\boxed{2.5\text{ hours}}"),
    ("150 minutes", r"\boxed{2\text{ hours and }30\text{ minutes}}"),
    ("5 feet 6 inches", "The answer is 66 inches."),
    (r"(\frac35,\frac45)", r"\boxed{\frac15(3,4)}"),
    (r"\frac15\langle 3,4\rangle", r"\boxed{(0.6,0.8)}"),
    ("x^2+C", r"\boxed{x^2+c}"),
    ("12:15 PM", "So the train arrives at **12:15 PM**."),
    ("12:15 PM", r"\boxed{12{:}15\,\mathrm{p.m.}}"),
    ("3:40 PM", r"\boxed{15:40}"),
    ("noon", r"\boxed{12:00\text{ PM}}"),
    ("2/15", "So the probability is 2/15 ≈ 13.3%."),
    (r"\frac{\pi^2}{6}", "The sum equals **π²/6**."),
    (r"2\sqrt{3}", "So the length is 2√3."),
    ("72", "12 * 6 = 72\n\nArea: `72`"),
    ("72", "12 * 6 = 72\n\n> **Answer:** 72"),
    ("72", "12 * 6 = 72\n\n> **72**"),
    ("27", '{"reasoning": "20 + 7 = 27", "answer": 27}'),
    (r"\frac12", 'So we get\n```json\n{"final_answer": "\\\\frac{1}{2}"}\n```'),
    ("858", "计算得 858。\n一共有**858颗**糖果"),
    ("858", "所以一共有858颗糖果。"),
    ("858", "したがって、合計は**858個**です。"),
    ("858", "따라서 총 **858개**입니다."),
]  # fmt: skip
WRONG = [
    ("(3,-2,1)", r"\boxed{3\vec{i}-2\vec{j}+2\vec{k}}"),
    (r"2\mathbf i+3\mathbf j", r"\boxed{(3,2)}"),
    (r"x\equiv 3\pmod{7}", r"\boxed{x \equiv 4 \pmod 7}"),
    ("2 hours 30 minutes", r"\boxed{2\text{ hours and }20\text{ minutes}}"),
    (r"\begin{pmatrix}3/5\\4/5\end{pmatrix}", r"\boxed{\frac15(4,3)}"),
    ("12:15 PM", "So the train arrives at **12:15 AM**."),
    ("noon", "It arrives at 12 AM."),
    ("72", "12 * 6 = 72\n\n> **Answer:** 70"),
    ("27", '{"answer": 28}'),
    (r"\frac{\pi^2}{6}", "The answer is π²/8."),
    ("858", "一共有**859颗**糖果。"),
]  # fmt: skip
OPEN = [
    (r"x\equiv 3\pmod{7}", r"\boxed{x \equiv 3 \pmod 8}"),
    ("x=7k+3", r"\boxed{x\equiv 3\pmod 7}"),
    ("2:30", r"\boxed{2\text{ h }30\text{ min}}"),
    ("-2", r"\boxed{\begin{vmatrix}1&2\\3&4\end{vmatrix}}"),
]  # fmt: skip


@pytest.mark.parametrize(("reference", "text"), RIGHT)
def test_another_way_to_write_it_is_right(reference: str, text: str) -> None:
    assert verify([("?", reference, text)], "math")[0].outcome == "correct"


@pytest.mark.parametrize(("reference", "text"), WRONG)
def test_its_wrong_neighbour_is_wrong(reference: str, text: str) -> None:
    assert verify([("?", reference, text)], "math")[0].outcome == "incorrect"


@pytest.mark.parametrize(("reference", "text"), OPEN)
def test_what_cannot_be_compared_is_nobodys_error(reference: str, text: str) -> None:
    assert verify([("?", reference, text)], "math")[0].outcome == "undecided"
