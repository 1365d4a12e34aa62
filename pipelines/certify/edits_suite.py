"""Suite `edits`: right rollouts with another ending, by which the text gives its answer, or takes it back.

A form (`tables/edit_forms.toml`) is an ending with places for a value that the text denies, attributes, takes back or
quotes («a») and for the one that it gives («b»). Each goes behind the working of each rollout whose answer is provably
right: with the right value at «a» the verdict must not be `correct` (else an accept flip), with it at «b» it must be (else
a reject flip). Proofs are those of `planted_answer`: no code is shared with a verifier.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from rollmill.pipelines.certify.suite_rows import Suite, SuiteRow
from rollmill.pipelines.certify.tables.number_spellings import SPELLINGS
from rollmill.pipelines.edit.planted_answer import BOX, locate_answer
from rollmill.pipelines.edit.planted_errors import spelled
from rollmill.stats import population_mean

TABLES = Path(__file__).parent / "tables"
_NUMBERS_ONLY, _LETTERS_ONLY = ("digits", "units", "rounding"), ("option",)
_PLACE = re.compile(r"«([abrwv])(?::(\w+))?»")
_LETTER = re.compile(r"(?:####|\\boxed\{|[Aa]nswer(?: is|:))\s*\(?([A-J])\)?[.}]?\s*\Z")


@dataclass(frozen=True, slots=True)
class Form:
    """An ending: `name` is language.kind.what."""

    name: str
    kind: str
    text: str

    @property
    def is_held_out(self) -> bool:
        """True if the form is held out: it measures verifiers and is never used to improve them. A third of the names."""
        # Not hash(), which differs between processes.
        return sha256(self.name.encode()).digest()[0] % 3 == 0

    def filled(self, values: Mapping[str, "EditedValue"]) -> str | None:
        """The ending with these values filled in; None if one of them has no such spelling."""
        texts = [values[place].spelled(way) for place, way in _PLACE.findall(self.text)]
        if None in texts:
            return None
        rest = iter(texts)
        return _PLACE.sub(lambda _: str(next(rest)), self.text)

    def places(self) -> set[str]:
        """Names of the values that the form has a place for."""
        return {place for place, _ in _PLACE.findall(self.text)}


class EditedValue(NamedTuple):
    """An answer as written, and as a number if it is one."""

    written: str
    number: Fraction | None

    def spelled(self, way: str) -> str | None:
        """The value in another spelling; "" for its own."""
        return self.written if not way else None if self.number is None else SPELLINGS[way](self.number)


class EditedRollout(NamedTuple):
    """A right completion of a problem."""

    prompt: str
    reference: str
    text: str


@dataclass(slots=True)
class EditFlips:
    """Flips by a form: among rows that withdraw the right value, and among rows that give it."""

    held_out: bool
    name: str
    given_up: int = 0
    accept_flips: int = 0
    given: int = 0
    reject_flips: int = 0
    undecided: int = 0

    @property
    def kind(self) -> str:
        """Kind of the form, which its name holds."""
        return self.name.split(".")[1]

    def count(self, outcome: str | None, *, must: bool) -> None:
        """Add one verdict on a row; `must`: it has to be correct. None is a crash."""
        self.given += must
        self.given_up += not must
        self.reject_flips += must and outcome in ("incorrect", "unparsed", None)
        self.accept_flips += not must and outcome == "correct"
        self.undecided += outcome == "undecided"

    def of(self, flip: str) -> tuple[int, int]:
        """(flips, rows that could have flipped) of a kind: accept or reject."""
        return (self.accept_flips, self.given_up) if flip == "accept" else (self.reject_flips, self.given)


class Worked(NamedTuple):
    """A right rollout without its answer, that answer, and another one."""

    prompt: str
    reference: str
    working: str
    right: EditedValue
    wrong: EditedValue


@lru_cache(maxsize=1)
def forms() -> tuple[Form, ...]:
    """All forms, in the order of their file."""
    table = tomllib.loads((TABLES / "edit_forms.toml").read_text(encoding="utf-8"))
    return tuple(
        Form(f"{language}.{kind}.{name}", kind, text)
        for language, kinds in table.items()
        for kind, texts in kinds.items()
        for name, text in texts.items()
    )


def edits_suite(rollouts: Iterable[EditedRollout], *, letters: bool, probes: tuple[SuiteRow, SuiteRow]) -> Suite:
    """Every form behind every rollout (prompt, reference, text) that allows it: of multiple choice, or of numbers."""
    worked = [solution for rollout in rollouts if (solution := _worked(*rollout, letters=letters)) is not None]
    chosen = [form for form in forms() if form.kind not in (_NUMBERS_ONLY if letters else _LETTERS_ONLY)]
    # Two forms may give the same text with some value, and a row twice would count twice in the rates.
    unique = {(row.prompt, row.reference, row.text): row for form in chosen for item in worked for row in _rows(form, item)}
    return Suite("edits", tuple(unique.values()), probes)


def _rows(form: Form, item: Worked) -> Iterator[SuiteRow]:
    """The right value given up, where there is a place for that, and given."""
    kind = "choice" if item.right.number is None else "math"
    for place, section, expected in (("a", "non_equivalence", "wrong"), ("b", "equivalence", "correct")):
        a, b = (item.right, item.wrong) if place == "a" else (item.wrong, item.right)
        ending = form.filled({"a": a, "b": b}) if place in form.places() else None
        if ending is not None:
            text = f"{item.working}\n{ending}" if item.working else ending
            yield SuiteRow(section, form.name, item.reference, text, expected, item.prompt, kind)  # type: ignore[arg-type]


def _worked(prompt: str, reference: str, text: str, *, letters: bool) -> Worked | None:
    """A rollout split at its answer; None if that is not provably right, or its working says an answer already."""
    if letters:
        return _lettered(prompt, reference, text)
    answer = locate_answer(reference, text)
    if answer is None or answer.value is None:
        return None
    working = text[: text.rfind("\n", 0, answer.start) + 1].rstrip()
    # An earlier answer in the working would compete with the one of the ending.
    if BOX.search(working) or "####" in working or "answer" in working.lower():
        return None
    another = answer.value + 3
    return Worked(
        prompt,
        reference,
        working,
        EditedValue(answer.written, answer.value),
        EditedValue(spelled(another, answer.written), another),
    )


def _lettered(prompt: str, reference: str, text: str) -> Worked | None:
    match = _LETTER.search(text)
    if match is None or match[1] != reference.strip() or len(reference.strip()) != 1:
        return None
    right = match[1]
    wrong = "A" if right != "A" else "B"
    working = text[: text.rfind("\n", 0, match.start() + 1) + 1].rstrip()
    return Worked(prompt, reference, working, EditedValue(right, None), EditedValue(wrong, None))


def shipped_rollouts() -> list[EditedRollout]:
    """Ten completions of the shipped model, and three of multiple choice."""
    lines = (TABLES / "edit_rollouts.jsonl").read_text(encoding="utf-8").splitlines()
    return [EditedRollout(row["prompt"], row["reference"], row["text"]) for row in map(json.loads, lines)]


def flips_by_form(results: Iterable[tuple[str, bool, str | None]]) -> list[EditFlips]:
    """Verdicts that each form flipped, from (form, must be correct, outcome) results."""
    by_form: dict[str, EditFlips] = {}
    for name, must, outcome in results:
        flips = by_form.setdefault(name, EditFlips(Form(name, "", "").is_held_out, name))
        flips.count(outcome, must=must)
    return list(by_form.values())


def flip_rates(flips: Sequence[EditFlips]) -> list[dict[str, Any]]:
    """Rates of both flips with an interval over forms, for the forms used to improve verifiers and the held-out ones."""
    groups = {
        "mended on": [form for form in flips if not form.held_out],
        "held out": [form for form in flips if form.held_out],
    }
    return [row for name, members in groups.items() for row in _rates(name, members)]


def kind_rates(flips: Sequence[EditFlips]) -> list[dict[str, Any]]:
    """Rates of both flips with an interval over forms, by kind of form."""
    kinds = dict.fromkeys(form.kind for form in flips)
    return [row for kind in kinds for row in _rates(kind, [form for form in flips if form.kind == kind])]


def _rates(name: str, forms: Sequence[EditFlips]) -> Iterator[dict[str, Any]]:
    for flip in ("accept", "reject"):
        counts = [(form.name, *form.of(flip)) for form in forms]
        values = [value for _, hit, n in counts for value in [1.0] * hit + [0.0] * (n - hit)]
        # The forms are the sample: a verifier reads one ending alike behind every working.
        clusters = [name for name, _, n in counts for _ in range(n)]
        rate = population_mean(values, clusters, estimand=f"{flip} flips over forms")
        if rate is not None:
            forms_hit, forms_asked = sum(hit > 0 for _, hit, _ in counts), sum(n > 0 for *_, n in counts)
            yield {
                "forms": name, "flip": flip, "rows": int(sum(values)), "of_rows": len(values), "forms_hit": forms_hit,
                "of_forms": forms_asked, "rate": rate.value, "low": rate.low, "high": rate.high,
            }  # fmt: skip
