"""The editors that plant one error into a worked solution, as RISE's pairs need them: the texts differ only in the error.

They are the kinds of `planted_errors`, which a stress test of verifiers plants too. No reference is needed: the marked
answer is another one afterwards, so a text that was right is wrong. Whether it is, the run's verifiers say.
"""

import random
from collections.abc import Mapping
from functools import partial

from rollmill.pipelines.edit.editing import CannotEdit, EditedText, Editor, changes_between, words_changed
from rollmill.pipelines.edit.planted_answer import marked_answer
from rollmill.pipelines.edit.planted_errors import ERRORS

_NEED: Mapping[str, str] = {
    "operand": "no true calculation gives the answer, or another operand would not change it",
    "operator": "no true calculation gives the answer, or no other sign gives a plain number",
    "dropped_step": "no true calculation gives the answer, or none with another result stands before it",
    "swapped_unknowns": "the answer is not two different values",
    "wrong_rounding": "the answer is no number that rounding changes",
}


def plant(kind: str, text: str, rng: random.Random, *, most_words: int | None = None) -> EditedText:
    """Text with an error of this kind. `most_words`: refuse an edit that changes more words than this."""
    answer = marked_answer(text)
    if answer is None:
        raise CannotEdit("no marked answer that is a number")
    variants = ERRORS[kind](answer, rng)
    if not variants:
        raise CannotEdit(_NEED.get(kind, "the answer is no number that this changes"))
    how, edited = variants[0]
    changes = changes_between(text, edited)
    words = words_changed(text, edited, changes)
    if most_words is not None and words > most_words:
        raise CannotEdit(f"it would change {words} words, more than {most_words}")
    return EditedText(edited, how, changes, {"words": words})


PLANTED: Mapping[str, Editor] = {kind: Editor("1", partial(plant, kind), takes=("most_words",)) for kind in ERRORS}
