"""Editors that hold a text against another one that is known: a reference, or a worked solution of the same problem.

`upto_state` finds what is right of a wrong solution (Self-Sampled Correct and Partially-Correct Solutions, Ni et al. 2023):
its beginning, as long as the values computed so far are those of the known solution. Values have no names and no meaning,
as published, so another way that computes the same values matches. `no_answer` accepts a hint only if it does not reveal
the answer (NuRL), `shorter` a revision only if it is shorter than its original (Retro-Search).
"""

import random
import re
from collections.abc import Mapping

from rollmill.pipelines.edit.editing import CannotEdit, EditedText, Editor
from rollmill.pipelines.edit.lines import LineSteps, upto_step
from rollmill.pipelines.edit.planted_answer import rational
from rollmill.pipelines.verify.calculation_steps import steps_of

_NUMBER = re.compile(r"\\[dt]?frac\s*\{\d+\}\s*\{\d+\}|\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?|\.\d+")
_PART = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


def upto_state(text: str, rng: random.Random, *, known: str) -> EditedText:
    """The text up to the last line at which its values are those of the known solution after some step of it.

    Refused if it is word for word the beginning of the known solution: nothing would be learned from it.
    """
    from rollmill.pipelines.verify.code.state_prefix import furthest, path_of

    # A false line of the known solution gives no state that a right solution reaches.
    steps, trusted = LineSteps.of(text), [step for step in steps_of(known) if step.true]
    if not trusted:
        raise CannotEdit("the known solution has no true calculation")
    lines = [steps_of(steps.step(number)) for number in range(1, len(steps.spans) + 1)]
    match = furthest(path_of([step for line in lines for step in line]), path_of(trusted), "exact")
    number = done = 0
    for place, line in enumerate(lines, start=1):
        done += len(line)
        # A line of several calculations counts only if all of them are within the match.
        if done > match.step:
            break
        # Lines of words after the last match are cut off: nothing shows that they are right.
        number = place if line else number
    if not number:
        raise CannotEdit("no line computes what the known solution does")
    begun = upto_step(text, rng, step=number)
    if known.lstrip().startswith(begun.text.strip()):
        raise CannotEdit("it is the beginning of the known solution")
    share = f"{match.known_step} of {match.known_steps} known steps"
    return EditedText(
        begun.text, f"{begun.how}, {share}", begun.changes, {"known_steps": [match.known_step, match.known_steps]}
    )


def no_answer(text: str, rng: random.Random, *, known: str) -> EditedText:
    """The text unchanged; refused if it contains the answer, as words or as a number of the same value."""
    del rng
    answer = known.rsplit("####", 1)[-1].strip()
    if not text.strip():
        raise CannotEdit("there is no text")
    if not answer:
        raise CannotEdit("no answer is known that the text must not tell")
    value = rational(answer.lstrip("\\$").replace(",", ""))
    if value is None:
        if re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text, re.IGNORECASE):
            raise CannotEdit("it tells the answer")
        return EditedText(text, "the answer does not stand in it")
    # 3/4 also tells 3 and 4, and (3,12) both of its parts.
    written = {number for pattern in (_NUMBER, _PART, _DIGITS) for number in pattern.findall(text)}
    # Signs are not read, so a number gives its negative away too.
    if any(abs(stated) == abs(value) for number in written if (stated := rational(number.replace(",", ""))) is not None):
        raise CannotEdit("it tells the answer")
    return EditedText(text, "the answer does not stand in it")


def shorter(text: str, rng: random.Random, *, known: str) -> EditedText:
    """The text unchanged; refused if it has at least as many words as the known one (Retro-Search: a revision is never
    longer).
    """
    del rng
    own, other = len(text.split()), len(known.split())
    if not own:
        raise CannotEdit("there is no text")
    if own >= other:
        raise CannotEdit(f"{own} words, and the other text has {other}")
    return EditedText(text, f"{own} words instead of {other}", facts={"shortened": [own, other]})


KNOWN: Mapping[str, Editor] = {
    "upto_state": Editor("2", upto_state, takes=("known",), needs=("known",)),
    "shorter": Editor("1", shorter, takes=("known",), needs=("known",)),
    "no_answer": Editor("2", no_answer, takes=("known",), needs=("known",)),
}
