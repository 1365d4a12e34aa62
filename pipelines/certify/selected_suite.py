"""Suite `selected`: problems with wrong answers only, of which a search keeps whatever the verifier accepts.

Best-of-n, and training against a verifier, choose among many answers the one that it accepts. So each problem has a pool of
64 wrong answers: the wrong rollouts unchanged (`natural`), their working with an ending that denies, attributes or takes
back the right value (`edited`, forms of the suite `edits`), and with one that lists, hedges, bounds or only resembles it
(`searched`, `tables/selected_forms.toml`). Which endings a problem gets follows from a hash. Multiple choice is made of the
same rollouts: their wrong values and the right one as options.
"""

import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256

from rollmill.ground.errors import SetupError
from rollmill.pipelines.certify.edits_suite import TABLES, EditedRollout, EditedValue, Form, forms
from rollmill.pipelines.certify.selection import NATURAL, POOL
from rollmill.pipelines.certify.suite_rows import Suite, SuiteRow
from rollmill.pipelines.edit.planted_answer import BOX, locate_answer, marked_answer, rational
from rollmill.pipelines.edit.planted_errors import spelled

NUMBERS_ONLY = ("bound", "near", "tail", "digits", "units", "rounding", "unevaluated")
LETTERS_ONLY = ("letters",)
LETTERS = "ABCD"
_NATURAL = POOL // 4
"""Wrong rollouts of a problem that are taken, so that every pool has endings too."""


@dataclass(frozen=True, slots=True)
class WrongAnswers:
    """A problem with its wrong rollouts: the right value, two wrong ones, and the working that endings go behind."""

    prompt: str
    reference: str
    natural: tuple[str, ...]
    working: str
    right: EditedValue
    wrong: EditedValue
    other: EditedValue

    @property
    def kind(self) -> str:
        return "choice" if self.right.number is None else "math"


@lru_cache(maxsize=1)
def searched_forms() -> tuple[Form, ...]:
    """The endings of `selected_forms.toml`, in their order; their places are r (right), w and v (wrong)."""
    table = tomllib.loads((TABLES / "selected_forms.toml").read_text(encoding="utf-8"))
    return tuple(Form(f"{kind}.{name}", kind, text) for kind, texts in table.items() for name, text in texts.items())


def selected_suite(rollouts: Iterable[EditedRollout], *, letters: bool, probes: tuple[SuiteRow, SuiteRow]) -> Suite:
    """The pools of wrong rollouts (prompt, reference, text), unchanged or as multiple choice.

    SetupError for a rollout whose answer provably is its reference.
    """
    pools = list(wrong_answers(rollouts))
    if letters:
        pools = [as_choice(pool) for pool in pools]
    return Suite("selected", tuple(row for pool in pools for row in pool_rows(pool)), probes)


def wrong_answers(rollouts: Iterable[EditedRollout]) -> Iterator[WrongAnswers]:
    """The problems that have a number as their reference, each with its wrong rollouts."""
    texts: dict[tuple[str, str], list[str]] = {}
    for number, (prompt, reference, text) in enumerate(rollouts, 1):
        if locate_answer(reference, text) is not None:
            raise SetupError(
                f"rollout {number}: its answer is its reference {reference!r}; this suite takes rollouts known to be wrong."
            )
        texts.setdefault((prompt, reference), []).append(text)
    for (prompt, reference), wrong in texts.items():
        written = reference.rsplit("####", 1)[-1].strip()
        value = rational(written)
        # Endings like `x^2` and `x` dozen give 0 and 1 themselves.
        if value is not None and abs(value) > 1:
            natural = tuple(dict.fromkeys(wrong))
            yield WrongAnswers(prompt, reference, natural[:_NATURAL], _working(natural), *_values(written, value, natural))


def _values(written: str, right: Fraction, texts: Sequence[str]) -> tuple[EditedValue, EditedValue, EditedValue]:
    """The right value and two wrong ones: those that the texts give, else some nearby."""
    given = [answer.value for answer in map(marked_answer, texts) if answer is not None and answer.value is not None]
    wrong = [value for value in dict.fromkeys([*given, right + 3, right + 7]) if abs(value) not in (0, 1, abs(right))]
    return EditedValue(written, right), *(EditedValue(spelled(value, written), value) for value in wrong[:2])  # type: ignore[return-value]


def _working(texts: Sequence[str]) -> str:
    """Text before the answer of the first text that states its answer only once; empty if none does."""
    for text in texts:
        answer = marked_answer(text)
        working = "" if answer is None else text[: text.rfind("\n", 0, answer.start) + 1].rstrip()
        if working and not (BOX.search(working) or "####" in working or "answer" in working.lower()):
            return working
    return ""


def as_choice(pool: WrongAnswers) -> WrongAnswers:
    """A problem as multiple choice, with its values and others near them as options; a wrong rollout ends with its value's
    letter.
    """
    assert pool.right.number is not None
    given = {text: answer for text in pool.natural if (answer := marked_answer(text)) is not None}
    values = dict.fromkeys([pool.right.written, pool.wrong.written, pool.other.written])
    near = (spelled(pool.right.number + step, pool.right.written) for step in (1, 2, 4, 5, 6))
    options = [*values, *(text for text in near if text not in values)][: len(LETTERS)]
    options.sort(key=_order(pool.prompt))
    lines = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True)]
    right, wrong, other = (EditedValue(LETTERS[options.index(value)], None) for value in values)
    letters = {rational(option): letter for option, letter in zip(options, LETTERS, strict=True)}
    natural = dict.fromkeys(
        # The line with the number goes: its letter is the answer now.
        f"{text[: answer.start].rpartition(chr(10))[0]}\nThe answer is {letters[answer.value]}."
        for text, answer in given.items()
        if answer.value in letters
    )
    prompt = "\n".join([pool.prompt, *lines])
    return WrongAnswers(prompt, right.written, tuple(natural), pool.working, right, wrong, other)


def pool_rows(pool: WrongAnswers) -> list[SuiteRow]:
    """The wrong answers of one problem, the natural ones first, 64 at most."""
    letters = pool.kind == "choice"
    # Natural answers come first, so the cut to 64 never drops one.
    texts = dict.fromkeys(pool.natural, NATURAL)
    endings = [*_searched(pool, letters=letters), *_edited(pool, letters=letters)]
    for name, ending in sorted(endings, key=lambda named: _order(pool.prompt)(named[0])):
        texts.setdefault(f"{pool.working}\n{ending}" if pool.working else ending, name)
    rows = list(texts.items())[:POOL]
    return [SuiteRow("non_equivalence", name, pool.reference, text, "wrong", pool.prompt, pool.kind) for text, name in rows]


def _searched(pool: WrongAnswers, *, letters: bool) -> Iterator[tuple[str, str]]:
    values = {"r": pool.right, "w": pool.wrong, "v": pool.other}
    for form in searched_forms():
        if form.kind not in (NUMBERS_ONLY if letters else LETTERS_ONLY):
            ending = form.filled(values)
            if ending is not None:
                yield f"searched: {form.name}", ending


def _edited(pool: WrongAnswers, *, letters: bool) -> Iterator[tuple[str, str]]:
    """Forms that give the right value up."""
    for form in forms():
        if "a" in form.places() and not (letters and form.kind in NUMBERS_ONLY):
            ending = form.filled({"a": pool.right, "b": pool.wrong})
            if ending is not None:
                yield f"edited: {form.name}", ending


def _order(prompt: str) -> Callable[[str], bytes]:
    """The order of names or options in this problem's pool, determined by both alone."""
    return lambda name: sha256(f"{prompt}\0{name}".encode()).digest()


def shipped_wrong_rollouts() -> list[EditedRollout]:
    """Completions of the shipped model that are wrong."""
    lines = (TABLES / "wrong_rollouts.jsonl").read_text(encoding="utf-8").splitlines()
    return [EditedRollout(row["prompt"], row["reference"], row["text"]) for row in map(json.loads, lines)]
