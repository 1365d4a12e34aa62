"""Every editor: the same text, seed and options give the same text; what changed is stated; no text makes one raise."""

import inspect
import random
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.pipelines.edit import EDITORS, CannotEdit

SUM = "2 * 3 = 6\nThen 6 + 4 = 10\n#### 10"
PROGRAM = "```python\nx = 1\nif x:\n    print(x)\n```"
EFA = """```python
import random

original = {"n1": 2, "n2": 3}

def sample(seed):
    rng = random.Random(seed)
    for _ in range(10000):
        params = dict(original)
        params['n1'] = rng.randint(1, 4)
        if solve(params) is not None:
            return params
    raise ValueError("no instance")

def render(params):
    return '{n1} bags of 3 pears?'.format(**params)

def solve(params):
    n1 = params['n1']
    n2 = params['n2']
    s1 = n1 * n2
    if s1 <= 0:
        return None
    return s1
```"""
EDITS: dict[str, tuple[str, dict[str, Any], str]] = {
    "digit": (SUM, {}, "2 * 3 = 6\nThen 6 + 4 = 10\n#### 20"),
    "operand": (SUM, {}, "2 * 3 = 6\nThen 5 + 4 = 9\n#### 9"),
    "operator": (SUM, {}, "2 * 3 = 6\nThen 6 - 4 = 2\n#### 2"),
    "sign": (SUM, {}, "2 * 3 = 6\nThen 6 + 4 = 10\n#### -10"),
    "off_by_one": (SUM, {}, "2 * 3 = 6\nThen 6 + 4 = 10\n#### 9"),
    "dropped_step": (SUM, {}, "2 * 3 = 6\nThen 6\n#### 6"),
    "swapped_unknowns": ("x = 1, y = 2\n#### (1, 2)", {}, "x = 1, y = 2\n#### (2, 1)"),
    "wrong_rounding": ("#### 0.25", {}, "#### 0.2"),
    "upto_step": (SUM, {"step": 1}, "2 * 3 = 6"),
    "before_step": (SUM, {"step": "3"}, "2 * 3 = 6\nThen 6 + 4 = 10"),
    "before_error": ("2 * 3 = 6\nThen 6 + 4 = 11\n#### 11", {}, "2 * 3 = 6"),
    "upto_error": ("2 * 3 = 6\nThen 6 + 4 = 11\n#### 11", {}, "2 * 3 = 6\nThen 6 + 4 = 11"),
    "before_gap": ("2 * 3 = 6\n<|gap|>\n#### 10", {}, "2 * 3 = 6"),
    "behind_gap": ("2 * 3 = 6\n<|gap|>\n#### 10", {}, "#### 10"),
    "before_switch": ("2 * 3 = 6.\nWait, 6 + 4 = 10\n#### 10", {}, "2 * 3 = 6."),
    "upto_state": ("2 * 3 = 6\nThen 6 + 5 = 11\n#### 11", {"known": "So 3 * 2 = 6 and\n6 + 4 = 10\n#### 10"}, "2 * 3 = 6"),
    "shorter": ("2 * 3 = 6", {"known": SUM}, "2 * 3 = 6"),
    "no_answer": ("Begin with 2 * 3 = 6.", {"known": "10"}, "Begin with 2 * 3 = 6."),
    "failing_example": ("It is\n#### 2x + 1", {"known": "x^2 + 1"}, "f(1) = 2, and your formula gives 3."),
    "write_edits": (
        "<|diff|>\n@@ -0,0 +1 @@\n+x = 1\n<|diff|>\n@@ -1,0 +2 @@\n+print(x)\n",
        {},
        "```python\nx = 1\nprint(x)\n```\n",
    ),
    "drop_lines": (SUM, {"step": "2"}, "2 * 3 = 6\n#### 10"),
    "gap": (SUM, {"step": 2}, "2 * 3 = 6\nThen 6 + 4 = 10\n<|gap|>\n#### 10"),
    "hole": (SUM, {"step": "2"}, "2 * 3 = 6\n<|gap|>\n#### 10"),
    "insert_line": (
        SUM,
        {"step": 1, "line": "So there are six."},
        "2 * 3 = 6\nSo there are six.\nThen 6 + 4 = 10\n#### 10",
    ),
    "error_type": ("2 + 3 = 5\n#### 5", {"known": "2 * 3 = 6\n#### 6"}, "operator"),
    "tool": (
        "2 * 3 = 6\n#### 6",
        {"known": "Ann buys 2 bags of 3 pears. How many pears?"},
        '```python\ndef bags_pears(n1, n2):\n    """How many pears?"""\n    s1 = n1 * n2\n    return s1\n\n'
        "print(bags_pears(2, 3))\n```",
    ),
    "efa": (
        "2 * 3 = 6\n#### 6",
        {"known": "2 bags of 3 pears?"},
        EFA,
    ),
    "lintseq": (PROGRAM, {}, "<|diff|>\n@@ -0,0 +1,3 @@\n+x = 1\n+if x:\n+    print(x)\n"),
}


@pytest.mark.parametrize("name", EDITORS)
def test_an_edit_follows_from_text_seed_and_options_and_says_what_changed(name: str) -> None:
    text, options, wanted = EDITS[name]
    edited = EDITORS[name](text, random.Random(1), **options)
    assert edited.text == wanted
    assert edited == EDITORS[name](text, random.Random(1), **options)
    assert edited.how
    rebuilt = text
    for change in reversed(edited.changes):
        start, end = change.at
        assert change.line == text[:start].count("\n") + 1
        assert (text[start:end], edited.text[slice(*change.to)]) == (change.old, change.new)
        rebuilt = rebuilt[:start] + change.new + rebuilt[end:]
    assert rebuilt == edited.text or name in ("efa", "error_type", "lintseq", "tool", "write_edits")


@pytest.mark.parametrize("name", EDITORS)
@given(
    text=st.text(max_size=200)
    | st.sampled_from(["", "\n\n", "####", "```", "\ud800", "#### 1/0", "\\boxed{" * 999, "9" * 5000])
)
def test_no_text_makes_an_editor_raise_anything_else(name: str, text: str) -> None:
    try:
        edited = EDITORS[name](text, random.Random(0), **EDITS[name][1])
    except CannotEdit as refusal:
        why = str(refusal)
    else:
        why = edited.how
    assert why


@pytest.mark.parametrize("name", EDITORS)
def test_an_editor_lists_the_options_that_it_takes(name: str) -> None:
    editor = EDITORS[name]
    function = editor.edit.func if isinstance(editor.edit, partial) else editor.edit
    keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert {p.name for p in keywords} == set(editor.takes)
    assert {p.name for p in keywords if p.default is p.empty} == set(editor.needs)
