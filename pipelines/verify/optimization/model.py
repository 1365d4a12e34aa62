"""A linear or mixed-integer model as JSON, read strictly and never repaired, and the optimum that a reference states.

    {"sense": "max",
     "variables": {"x": {"lower": 0, "upper": 4, "type": "integer"}, "y": {}},
     "objective": {"x": 3, "y": 2}, "offset": 0,
     "constraints": [{"terms": {"x": 1, "y": 1}, "relation": "<=", "value": 5}]}

`sense` is `min` or `max`. A variable is `continuous` (default), `integer` or `binary` (0 or 1); `lower` is 0 and `upper` is
null (none) where they are not given, and `lower: null` is no lower bound. `relation` is `<=`, `>=` or `=`. `offset` (0) is
added to the objective. Nothing else may stand in it, and what a term names must be a variable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

VARIABLES = 5_000
CONSTRAINTS = 5_000
TERMS = 100_000
LARGEST = 1e12
"""Numbers beyond this, or nearer to zero than its inverse, are beyond what doubles and tolerances can decide."""
_SENSES = {"min": "min", "minimize": "min", "minimise": "min", "max": "max", "maximize": "max", "maximise": "max"}
_RELATIONS = {"<=": "<=", ">=": ">=", "=": "=", "==": "=", "≤": "<=", "≥": ">="}
_TYPES = ("continuous", "integer", "binary")
_KEYS = frozenset({"sense", "variables", "objective", "offset", "constraints", "name"})


class MalformedError(ValueError):
    """The JSON is no model; the message says why."""


class TooBigError(ValueError):
    """The model is one, and beyond the bounds of this verifier; the message says which."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model as columns and rows; variables are numbered in their order. Bounds None: none."""

    sense: str
    names: tuple[str, ...]
    bounds: tuple[tuple[float | None, float | None], ...]
    integral: tuple[bool, ...]
    objective: Mapping[int, float]
    offset: float
    rows: tuple[tuple[Mapping[int, float], str, float], ...]

    def question(self) -> dict[str, Any]:
        """The model as plain JSON for a worker process."""
        return {
            "sense": self.sense,
            "bounds": [list(pair) for pair in self.bounds],
            "integral": list(self.integral),
            "objective": [[index, value] for index, value in self.objective.items()],
            "offset": self.offset,
            "rows": [
                [[[index, value] for index, value in terms.items()], relation, rhs] for terms, relation, rhs in self.rows
            ],
        }


def model_of(value: Any) -> Model:
    """The model of a JSON value; MalformedError or TooBigError otherwise."""
    given = _mapping(value, "the model", _KEYS)
    for key in ("sense", "variables", "objective"):
        if key not in given:
            raise MalformedError(f"no {key}")
    sense = _choice(given["sense"], _SENSES, "sense")
    variables = _mapping(given["variables"], "variables")
    if not variables:
        raise MalformedError("no variables")
    rows = given.get("constraints", [])
    if not isinstance(rows, list):
        raise MalformedError("constraints is not a list")
    _within(len(variables), VARIABLES, "variables")
    _within(len(rows), CONSTRAINTS, "constraints")
    _within(sum(len(row.get("terms", ())) for row in rows if _has_terms(row)), TERMS, "terms")
    numbers = {name: index for index, name in enumerate(variables)}
    parsed = [_variable(name, given_variable) for name, given_variable in variables.items()]
    return Model(
        sense,
        tuple(variables),
        tuple(bounds for bounds, _ in parsed),
        tuple(integral for _, integral in parsed),
        _terms(given["objective"], numbers, "objective"),
        _number(given.get("offset", 0), "offset"),
        tuple(_row(row, numbers, f"constraint {index}") for index, row in enumerate(rows)),
    )


def _variable(name: str, value: Any) -> tuple[tuple[float | None, float | None], bool]:
    given = _mapping(value, f"variable {name[:40]!r}", frozenset({"lower", "upper", "type"}))
    kind = _choice(given.get("type", "continuous"), {kind: kind for kind in _TYPES}, f"type of {name[:40]!r}")
    lower, upper = given.get("lower", 0), given.get("upper")
    bounds = (
        None if lower is None else _number(lower, f"lower of {name[:40]!r}"),
        None if upper is None else _number(upper, f"upper of {name[:40]!r}"),
    )
    if kind == "binary":
        bounds = (max(bounds[0] or 0.0, 0.0), 1.0 if bounds[1] is None else min(bounds[1], 1.0))
    return bounds, kind != "continuous"


def _row(value: Any, numbers: Mapping[str, int], where: str) -> tuple[Mapping[int, float], str, float]:
    given = _mapping(value, where, frozenset({"terms", "relation", "value", "name"}))
    for key in ("terms", "relation", "value"):
        if key not in given:
            raise MalformedError(f"{where} has no {key}")
    relation = _choice(given["relation"], _RELATIONS, f"relation of {where}")
    return _terms(given["terms"], numbers, where), relation, _number(given["value"], f"value of {where}")


def _terms(value: Any, numbers: Mapping[str, int], where: str) -> Mapping[int, float]:
    given = _mapping(value, f"terms of {where}")
    for name in given:
        if name not in numbers:
            raise MalformedError(f"{where} names {name[:40]!r}, which is no variable")
    factors = {numbers[name]: _number(factor, f"factor of {name[:40]!r} in {where}") for name, factor in given.items()}
    return {index: factor for index, factor in factors.items() if factor}


def _mapping(value: Any, where: str, keys: frozenset[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{where} is not an object")
    for key in value:
        if keys is not None and key not in keys:
            raise MalformedError(f"{where} has the unknown key {key[:40]!r}")
    return value


def _number(value: Any, where: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise MalformedError(f"{where} is not a number")
    if abs(value) > LARGEST or (value != 0 and abs(value) < 1 / LARGEST):
        raise TooBigError(f"{where} is not between {1 / LARGEST:g} and {LARGEST:g}")
    return float(value)


def _choice(value: Any, known: Mapping[str, str], where: str) -> str:
    if not isinstance(value, str) or value.lower() not in known:
        raise MalformedError(f"{where} is {value!r:.40}, not one of {', '.join(known)}")
    return known[value.lower()]


def _within(count: int, most: int, what: str) -> None:
    if count > most:
        raise TooBigError(f"{count} {what}, more than {most}")


def _has_terms(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("terms"), dict)


Status = Literal["optimal", "infeasible", "unbounded"]
ABSOLUTE = 1e-9
"""Values closer than this are the same, whatever their size: the solver's own zero."""
_NUMBER = re.compile(r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?(?:\s*/\s*\d+)?")


@dataclass(frozen=True, slots=True)
class Optimum:
    """What solving a model comes to; `value` only where it is optimal."""

    status: Status
    value: float | None = None

    def form(self) -> str:
        """As text, with twelve digits."""
        return self.status if self.value is None else f"{self.value:.12g}"

    def difference(self, other: "Optimum") -> float | None:
        """The difference of two values relative to the larger, None where one has none."""
        if self.value is None or other.value is None:
            return None
        gap = abs(self.value - other.value)
        return 0.0 if gap <= ABSOLUTE else gap / max(abs(self.value), abs(other.value))

    def same(self, other: "Optimum", tolerance: float) -> bool:
        """Whether both are the same outcome, with values within a relative tolerance. Symmetric."""
        difference = self.difference(other)
        return self.status == other.status and (difference is None or difference <= tolerance)


def optimum_of(given: Any) -> Optimum | None:
    """The optimum that a reference states: a number, "infeasible" or "unbounded"; None where it states none."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        return Optimum("optimal", float(given)) if abs(given) < 1e300 else None
    if not isinstance(given, str):
        return None
    text = given.rpartition("####")[2].strip().rstrip(".").lower()
    if text in ("infeasible", "unbounded"):
        return Optimum("infeasible" if text == "infeasible" else "unbounded")
    if len(text) > 100 or not _NUMBER.fullmatch(text):
        return None
    try:
        value = float(Fraction(text.replace(",", "").replace(" ", ""))) if "/" in text else float(text.replace(",", ""))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return Optimum("optimal", value) if abs(value) < 1e300 else None
