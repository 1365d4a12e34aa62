"""Rows in the documented form of each published benchmark, written for these tests, with answers and what they deserve.

None is taken from a published set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """Rows of a file, the answers to the first of them (whose prompt holds `first`) with their outcomes, and rows of a
    split to take examples from.
    """

    rows: tuple[Row, ...]
    first: str
    answers: Mapping[str, str]
    shown: tuple[Row, ...] = ()
    shown_split: str = "train"


def sums(numbers: range) -> tuple[Row, ...]:
    return tuple(
        {"question": f"Ana has {n} pens and buys 1,000.", "answer": f"<<{n}+1000={n + 1000}>>\n#### {n + 1000:,}"}
        for n in numbers
    )


def subject(name: str, numbers: range) -> tuple[Row, ...]:
    choices = ["one", "two", "three", "four"]
    return tuple(
        {"question": f"Which is the word for {n % 4 + 1}, no. {n}?", "subject": name, "choices": choices, "answer": n % 4}
        for n in numbers
    )


def task(number: int) -> Row:
    name = f"add_{number}"
    return {
        "text": f"Write a function that adds {number}.",
        "code": f"def {name}(x):\n    return x + {number}",
        "task_id": number,
        "test_setup_code": "",
        "test_list": [f"assert {name}(1) == {1 + number}", f"assert {name}(0) == {number}"],
        "challenge_test_list": [],
    }


HUMANEVAL: Row = {
    "task_id": "Hand/0",
    "prompt": 'def twice(x: int) -> int:\n    """Twice x."""\n',
    "canonical_solution": "    #### the hashes belong to the code\n    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-1) == -2\n",
    "entry_point": "twice",
}
NO_ARGUMENTS: Row = {"num_bullets": None, "end_phrase": None, "num_words": None, "relation": None}
ROWS: Mapping[str, Published] = {
    "gsm8k": Published(
        sums(range(4)),
        "Ana has 0 pens",
        {"So he has 1000.\n#### 1000": "correct", "Answer: 1,000 pens": "correct", "Answer: 1001": "incorrect"},
        sums(range(100, 110)),
    ),
    "gsm8k-few-shot": Published(
        sums(range(4)), "Ana has 0 pens", {" 0+1000\n#### 1000": "correct", " #### 999": "incorrect"}, sums(range(100, 110))
    ),
    "math": Published(
        (
            {
                "problem": "What is half of one half?",
                "solution": "First $\\boxed{2}$, no: $\\boxed{\\frac{1}{4}}$.",
                "level": "Level 2",
                "type": "Algebra",
            },
            {"problem": "2 + 3?", "solution": "It is $\\boxed 5$.", "level": "Level ?", "type": "Algebra"},
        ),
        "half of one half",
        {"\\boxed{0.25}": "correct", "So \\boxed{\\frac14}.": "correct", "\\boxed{\\frac{1}{2}}": "incorrect"},
    ),
    "aime": Published(
        ({"ID": "2099-I-1", "Problem": "How many days has a week, times 7?", "Answer": "049"},),
        "days",
        {"\\boxed{49}": "correct", "\\boxed{049}": "correct", "\\boxed{50}": "incorrect", "I do not know.": "unparsed"},
    ),
    "gpqa": Published(
        tuple(
            {
                "Question": f"Which sign is the right one, no. {n}?",
                "Correct Answer": f"right {n}\n",
                "Incorrect Answer 1": f"wrong {n}",
                "Incorrect Answer 2": f"odd {n}",
                "Incorrect Answer 3": f"false {n}",
                "High-level domain": "Signs",
                "Record ID": f"rec{n}",
            }
            for n in range(40)
        ),
        "no. 0?",
        {"Answer: right 0": "correct", "Answer: wrong 0": "incorrect", "Answer: A or B": "unparsed"},
    ),
    "mmlu": Published(
        (*subject("words", range(4)), *subject("signs", range(10, 12))),
        "no. 0?",
        {" A": "correct", "B": "incorrect", "A. one": "correct", "C) one": "unparsed"},
        (*subject("words", range(50, 55)), *subject("signs", range(60, 65))),
        "dev",
    ),
    "humaneval": Published(
        (HUMANEVAL,),
        "twice",
        {
            "```python\ndef twice(x):\n    return x + x\n```": "correct",
            "    return x * 2\n": "correct",
            "```python\ndef twice(x):\n    return x ** 2\n```": "incorrect",
            "```python\ndef double(x):\n    return x + x\n```": "incorrect",
        },
    ),
    "mbpp": Published(
        (task(11), task(12)),
        "add_11",
        {
            "```python\ndef add_11(x):\n    return 11 + x\n```": "correct",
            "```python\ndef add(x):\n    return 11 + x\n```": "incorrect",
        },
        (task(2), task(3), task(4)),
        "",
    ),
    "ifeval": Published(
        (
            {
                "key": 1,
                "prompt": "Name two colours as bullets, in lower case.",
                "instruction_id_list": ["detectable_format:number_bullet_lists", "change_case:english_lowercase"],
                "kwargs": [{**NO_ARGUMENTS, "num_bullets": 2.0}, NO_ARGUMENTS],
            },
        ),
        "two colours",
        {"* red\n* blue": "correct", "* red": "incorrect", "Sure!\n* red\n* blue": "incorrect"},
    ),
}
