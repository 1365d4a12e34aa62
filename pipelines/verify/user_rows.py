"""A user's rows as problems with completions: dicts, dataclasses, tuples, the records of a frame.

For `verify`. A row gives prompt, reference and answer by name or position; an invalid row is a SetupError that names it. A
missing answer is an empty completion: that is the model's failure, not the user's.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from numbers import Rational, Real
from typing import Any, get_args

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, FinishReason, Message, Problem, Prompt

Pair = tuple[Problem, Completion]

PARTS = ("prompt", "reference", "answer")
NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "problem"),
    "reference": ("reference", "expected_answer", "ground_truth", "gold", "target"),
    "answer": ("text", "completion", "response", "generation", "output"),
}
"""The names of a row's parts; `answer` is the answer where the row names a reference, else the reference."""
_EXAMPLE = 'verify([{"prompt": "What is 1/2 + 1/4?", "reference": "3/4", "answer": "0.75"}])'
_NAMED = 'verify(rows, prompt="NAME", reference="NAME", answer="NAME")'
_PLACES = 1_000
_REFERENCES = ("text", "int", "float", "Fraction", "Decimal", "a list of alternatives")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that the caller gave to parts of a row; None for those to be found."""

    prompt: str | None = None
    reference: str | None = None
    answer: str | None = None

    def find(self, row: Mapping[str, Any], place: str) -> dict[str, str]:
        """Part of a row to its name: the caller's choice, else the usual names."""
        named = {part: name for part in PARTS if (name := getattr(self, part)) is not None}
        for part, name in named.items():
            if name not in row:
                raise unknown_name(f"name for the {part} of {place}:", name, map(str, row))
        usual = {part: name for part in PARTS if (name := next((n for n in NAMES[part] if n in row), None)) is not None}
        places = {**usual, **named}
        if "answer" in row and "answer" not in places.values():
            free = [part for part in ("reference", "answer") if part not in places]
            places.update(dict.fromkeys(free if len(free) == 1 else (), "answer"))
        return places


def pairs_of(rows: Iterable[Any], names: Names) -> Iterator[list[Pair]]:
    """Each row as problem and completion, once for every alternative of its reference."""
    if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
        kind = "one dict" if isinstance(rows, Mapping) else type(rows).__name__
        raise SetupError(
            f"verify takes rows, and {_shown(rows)} is {kind}.",
            choices=("a list of dicts, dataclasses or (prompt, reference, answer)", "a pandas, Arrow or DuckDB frame"),
            next_command=_EXAMPLE,
        )
    for number, row in enumerate(rows, 1):
        yield _pairs(row, names, f"row {number}")


def _pairs(row: Any, names: Names, place: str) -> list[Pair]:
    named = _named(row)
    if named is None:
        named = dict(zip(PARTS, _placed(row, place), strict=True))
        place_of = dict(zip(PARTS, PARTS, strict=True))
    else:
        place_of = names.find(named, place)
    tests = _tests(named.get("tests"))
    needed = [part for part in PARTS if part not in place_of and not (part == "reference" and tests)]
    if needed:
        present = ", ".join(map(str, named)) or "nothing"
        known = "; ".join(f"{part}: {', '.join(NAMES[part])}" for part in needed)
        raise SetupError(
            f"{place} has no {' and no '.join(needed)}; it has {present}. Known names: {known}.", next_command=_NAMED
        )
    rest = {name: value for name, value in named.items() if name not in {*place_of.values(), "tests"}}
    if isinstance(meta := rest.get("meta"), Mapping):
        rest = {**rest, **{str(name): value for name, value in meta.items()}}
    prompt = _prompt(named[place_of["prompt"]], place)
    references = [""] if "reference" not in place_of else _references(named[place_of["reference"]], place, needed=not tests)
    answer = _answer(named[place_of["answer"]], place)
    reason: Any = rest.get("finish_reason")
    finish: FinishReason = reason if reason in get_args(FinishReason) else "imported"
    pairs: list[Pair] = []
    for problem in (Problem(prompt, reference, tests=tests, meta=rest) for reference in references):
        identity = digest128(["notebook", problem.id, answer])
        completion = Completion(identity, problem.prompt_id, "notebook", "", "", "evaluate", 0, None, answer, finish)
        pairs.append((problem, completion))
    return pairs


def _named(row: Any) -> Mapping[str, Any] | None:
    """The row's values by name; None if it has no names."""
    if isinstance(row, Mapping):
        return row
    if is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in fields(row)}
    if hasattr(row, "_asdict"):
        return dict(row._asdict())
    if hasattr(row, "keys") and hasattr(row, "__getitem__"):  # rows of databases, pandas.Series
        return {str(name): row[name] for name in row.keys()}  # noqa: SIM118
    return None


def _placed(row: Any, place: str) -> list[Any]:
    """The row's values by place: prompt, reference, answer."""
    values = _listed(row)
    if not isinstance(values, list | tuple) or len(values) != len(PARTS):
        raise SetupError(
            f"{place} is {_shown(row)}, which says not what was asked, what is right and what was answered.",
            choices=("a dict or dataclass with prompt, reference and answer", "a tuple (prompt, reference, answer)"),
            next_command=_EXAMPLE,
        )
    return list(values)


def _prompt(value: Any, place: str) -> Prompt:
    """A text, or a list of turns."""
    if isinstance(value, str):
        return value
    turns = _listed(value)
    if isinstance(turns, list | tuple) and turns and all(map(_is_turn, turns)):
        return tuple(turn if isinstance(turn, Message) else Message(turn["role"], turn["content"]) for turn in turns)
    raise SetupError(
        f"the prompt of {place} is {_shown(value)}.",
        choices=("text", 'a list of turns ({"role": "user", "content": "..."})'),
        next_command=_NAMED,
    )


def _is_turn(turn: Any) -> bool:
    if isinstance(turn, Message):
        return True
    return isinstance(turn, Mapping) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)


def _references(value: Any, place: str, *, needed: bool) -> list[str]:
    """The spellings of a reference, one for each alternative."""
    value = _listed(value)
    if value is None and not needed:
        return [""]
    if isinstance(value, set | frozenset):
        # A set's order changes from process to process, and the first of equally good verdicts is the one given.
        value = sorted(value, key=str)
    several = value if isinstance(value, list) else [value]
    spelled = [spelling(alternative) for alternative in several]
    if not spelled or None in spelled:
        wrong = several[spelled.index(None)] if spelled else value
        raise SetupError(f"the reference of {place} is {_shown(wrong)}.", choices=_REFERENCES, next_command=_NAMED)
    return [text for text in spelled if text is not None]


def _answer(value: Any, place: str) -> str:
    """The answer's text; "" for one that is missing."""
    value = _listed(value)
    if value is None or (isinstance(value, Real | Decimal) and value != value):
        return ""
    text = spelling(value)
    if text is None:
        raise SetupError(
            f"the answer of {place} is {_shown(value)}: one row is one answer.",
            choices=("text", "a number"),
            next_command=_NAMED,
        )
    return text


def spelling(value: Any) -> str | None:
    """A text unchanged, a number exactly and without exponent; None for other values (NaN, infinities, True)."""
    if isinstance(value, str):
        return value
    # Asked first, for bool is a Rational.
    if isinstance(value, bool):
        return None
    # By Decimal, because str() refuses whole numbers of more than 4,300 digits.
    if isinstance(value, Rational):  # whole numbers too
        over, under = (format(Decimal(int(part)), "f") for part in (value.numerator, value.denominator))
        return over if under == "1" else f"{over}/{under}"
    if isinstance(value, Real):  # numpy's too: their text is the shortest that tells them from their neighbours
        value = Decimal(str(value))
    if isinstance(value, Decimal) and value.is_finite():
        # Without the bound, 1e999999 would be written out as a million zeros.
        return format(value, "f") if abs(value.adjusted()) < _PLACES else str(value)
    return None


def _tests(value: Any) -> tuple[str, ...]:
    value = _listed(value)
    if value is None:
        return ()
    several = value if isinstance(value, list | tuple) else [value]
    return tuple(test if isinstance(test, str) else json.dumps(test, ensure_ascii=False, default=str) for test in several)


def _listed(value: Any) -> Any:
    """numpy's arrays, which pandas makes of lists, as lists."""
    return value.tolist() if getattr(value, "ndim", 0) else value


def _shown(value: Any) -> str:
    try:
        shown = " ".join(repr(value).split())
    except ValueError:  # a whole number of more digits than Python prints
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= 60 else shown[:57] + "..."
