"""The thoughts of a reasoning text, and the editor that cuts a text before a change of thought.

A thought ends where a sentence begins with a word such as "Alternatively" or "Wait" (Retro-Search, Kim et al. 2025,
arXiv:2504.04383, which goes back to such a place and goes on without the change). A word inside a sentence changes nothing.
"""

import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.pipelines.edit.editing import CannotEdit, Change, EditedText, Editor

SWITCHES = (
    "alternatively",
    "wait",
    "hmm",
    "actually",
    "hold on",
    "on second thought",
    "another approach",
    "another way",
    "let me try another",
    "let me reconsider",
)
"""The words that begin another thought, in small letters."""
_SWITCH = re.compile(
    # A run of spaces is read from its begin alone: reading it from each of its places takes the square of its length.
    rf"(?:(?<!\s)[^\S\n]*\n|[.!?:;]['\")\]]*[ \t\n])\s*+(?P<switch>(?:(?:but|so|or|oh),? )?(?:{'|'.join(SWITCHES)})\b)",
    re.IGNORECASE,
)


def switches_of(text: str) -> Sequence[int]:
    """Offsets of the words that change the thought, in order; one that begins the text changes nothing."""
    begin = len(text) - len(text.lstrip())
    return [match.start("switch") for match in _SWITCH.finditer(text) if match.start("switch") > begin]


def before_switch(text: str, rng: random.Random, *, step: Any = None) -> EditedText:
    """The text before a change of thought: the one that `step` numbers from 1, else one that the seed chooses."""
    switches = switches_of(text)
    if not switches:
        raise CannotEdit("no thought changes")
    number = rng.randrange(len(switches)) + 1 if step is None else _number(step, len(switches))
    cut = text[: switches[number - 1]].rstrip()
    change = Change.between(text, cut, (len(cut), len(text)), (len(cut), len(cut)))
    return EditedText(cut, f"before change of thought {number} of {len(switches)}", (change,))


def _number(step: Any, most: int) -> int:
    written = str(step).strip()
    if isinstance(step, bool) or not re.fullmatch("[0-9]{1,6}", written):
        raise CannotEdit(f"step is {str(step)[:40]!r}, and no number")
    if not 1 <= int(written) <= most:
        raise CannotEdit(f"change of thought {int(written)} of {most} is not there")
    return int(written)


THOUGHTS: Mapping[str, Editor] = {"before_switch": Editor("1", before_switch, takes=("step",))}
