"""A linear or mixed-integer model as JSON, read strictly and never repaired; its optimum, solved or stated by a reference.

    {"sense": "max",
     "variables": {"x": {"lower": 0, "upper": 4, "type": "integer"}, "y": {}},
     "objective": {"x": 3, "y": 2}, "offset": 0,
     "constraints": [{"terms": {"x": 1, "y": 1}, "relation": "<=", "value": 5}]}

`sense` is `min` or `max`. A variable is `continuous` (default), `integer` or `binary` (0 or 1); `lower` is 0 and `upper` is
null (none) where they are not given, and `lower: null` means no lower bound. `relation` is `<=`, `>=` or `=`. `offset` (0)
is added to the objective. Other keys are not allowed, and a term must name a variable.

A worker process solves it by HiGHS (`scipy.optimize.milp`) without a relative gap: its default would stop within 0.01% of
the optimum. Then the integers are rounded and fixed and the rest is solved again, so that a value rests on integers and not
on 2.9999995. A result "unbounded or infeasible" is resolved by solving without an objective.
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
    """JSON that is not a model; the message gives the reason."""


class TooBigError(ValueError):
    """The model is one, and beyond the bounds of this verifier; the message says which."""


@dataclass(frozen=True, slots=True)
class LinearModel:
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


def model_of(value: Any) -> LinearModel:
    """The model of a JSON value; MalformedError or TooBigError otherwise."""
    model = _mapping(value, "the model", _KEYS)
    for key in ("sense", "variables", "objective"):
        if key not in model:
            raise MalformedError(f"no {key}")
    sense = _choice(model["sense"], _SENSES, "sense")
    variables = _mapping(model["variables"], "variables")
    if not variables:
        raise MalformedError("no variables")
    rows = model.get("constraints", [])
    if not isinstance(rows, list):
        raise MalformedError("constraints is not a list")
    _within(len(variables), VARIABLES, "variables")
    _within(len(rows), CONSTRAINTS, "constraints")
    terms = (row.get("terms") for row in rows if isinstance(row, dict))  # before anything of them is read
    _within(sum(len(factors) for factors in terms if isinstance(factors, dict)), TERMS, "terms")
    numbers = {name: index for index, name in enumerate(variables)}
    parsed = [_variable(name, given_variable) for name, given_variable in variables.items()]
    return LinearModel(
        sense,
        tuple(variables),
        tuple(bounds for bounds, _ in parsed),
        tuple(integral for _, integral in parsed),
        _terms(model["objective"], numbers, "objective"),
        _number(model.get("offset", 0), "offset"),
        tuple(_row(row, numbers, f"constraint {index}") for index, row in enumerate(rows)),
    )


def _variable(name: str, value: Any) -> tuple[tuple[float | None, float | None], bool]:
    variable = _mapping(value, f"variable {name[:40]!r}", frozenset({"lower", "upper", "type"}))
    kind = _choice(variable.get("type", "continuous"), {kind: kind for kind in _TYPES}, f"type of {name[:40]!r}")
    lower, upper = variable.get("lower", 0), variable.get("upper")
    bounds = (
        None if lower is None else _number(lower, f"lower of {name[:40]!r}"),
        None if upper is None else _number(upper, f"upper of {name[:40]!r}"),
    )
    if kind == "binary":
        bounds = (max(bounds[0] or 0.0, 0.0), 1.0 if bounds[1] is None else min(bounds[1], 1.0))
    return bounds, kind != "continuous"


def _row(value: Any, numbers: Mapping[str, int], where: str) -> tuple[Mapping[int, float], str, float]:
    row = _mapping(value, where, frozenset({"terms", "relation", "value", "name"}))
    for key in ("terms", "relation", "value"):
        if key not in row:
            raise MalformedError(f"{where} has no {key}")
    relation = _choice(row["relation"], _RELATIONS, f"relation of {where}")
    return _terms(row["terms"], numbers, where), relation, _number(row["value"], f"value of {where}")


def _terms(value: Any, numbers: Mapping[str, int], where: str) -> Mapping[int, float]:
    terms = _mapping(value, f"terms of {where}")
    for name in terms:
        if name not in numbers:
            raise MalformedError(f"{where} names {name[:40]!r}, which is no variable")
    factors = {numbers[name]: _number(factor, f"factor of {name[:40]!r} in {where}") for name, factor in terms.items()}
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


Status = Literal["optimal", "infeasible", "unbounded"]
ABSOLUTE = 1e-9
"""Values closer than this are the same, whatever their size: the solver's own zero."""
_NUMBER = re.compile(r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?(?:\s*/\s*\d+)?")


@dataclass(frozen=True, slots=True)
class Optimum:
    """Result of solving a model; `value` only where it is optimal."""

    status: Status
    value: float | None = None

    def form(self) -> str:
        """The model as text, with twelve digits."""
        return self.status if self.value is None else f"{self.value:.12g}"

    def difference(self, other: "Optimum") -> float | None:
        """The difference of two values relative to the larger, None if one has none."""
        if self.value is None or other.value is None:
            return None
        gap = abs(self.value - other.value)
        return 0.0 if gap <= ABSOLUTE else gap / max(abs(self.value), abs(other.value))

    def same(self, other: "Optimum", tolerance: float) -> bool:
        """True if both are the same outcome, with values within a relative tolerance. Symmetric."""
        difference = self.difference(other)
        return self.status == other.status and (difference is None or difference <= tolerance)


def optimum_of(given: Any) -> Optimum | None:
    """The optimum that a reference states: a number, "infeasible" or "unbounded"; None if it states none."""
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


FEASIBLE_WITHIN = 1e-6
"""Relative to the row: how far a solution may violate a constraint before its value is not believed."""
_INTEGRAL_WITHIN = 1e-5  # how far from an integer the solver may leave one (its own tolerance is 1e-6)
_OPTIMAL, _INFEASIBLE, _UNBOUNDED = 0, 2, 3  # of scipy.optimize.milp
# In SciPy's message where HiGHS cannot tell: its status is then 4, as for a failure of the solver.
_EITHER = "unbounded or infeasible"


def warm_up() -> None:
    """Imports that no question should pay for."""
    import scipy.optimize
    import scipy.sparse  # noqa: F401


def solve(question: dict[str, Any]) -> dict[str, Any]:
    """{"status": "optimal", "value"}, {"status": "infeasible" | "unbounded"}, or {"failed": why}."""
    import numpy as np

    columns = len(question["bounds"])
    cost = np.zeros(columns)
    for index, value in question["objective"]:
        cost[index] = value
    sign = -1.0 if question["sense"] == "max" else 1.0  # milp only minimises
    program = _Program(question, columns)
    solution = program.solve(sign * cost, program.integral, program.lower, program.upper)
    if solution.status == _UNBOUNDED or _EITHER in solution.message:
        return _without_objective(program)
    if solution.status == _INFEASIBLE:
        return {"status": "infeasible"}
    if solution.status != _OPTIMAL or solution.x is None:
        return {"failed": f"solver: {solution.message}"[:300]}  # a limit of the solver, or a failure
    return _value(program, sign * cost, solution.x, sign, float(question["offset"]))


class _Program:
    """The arrays of a model."""

    def __init__(self, question: dict[str, Any], columns: int) -> None:
        import numpy as np

        self.columns = columns
        self.integral = np.array(question["integral"], dtype=int)
        bounds = question["bounds"]
        self.lower = np.array([-np.inf if low is None else low for low, _ in bounds], dtype=float)
        self.upper = np.array([np.inf if high is None else high for _, high in bounds], dtype=float)
        self.matrix, self.least, self.most = _rows(question["rows"], columns)

    def solve(self, cost: Any, integral: Any, lower: Any, upper: Any) -> Any:
        """SciPy's result; an empty range of a variable is infeasible, which SciPy would call a mistake."""
        from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

        if (lower > upper).any():
            return OptimizeResult(status=_INFEASIBLE, x=None, message="a variable without values")
        rows = [LinearConstraint(self.matrix, self.least, self.most)] if self.matrix.shape[0] else []
        return milp(cost, integrality=integral, bounds=Bounds(lower, upper), constraints=rows, options={"mip_rel_gap": 0.0})

    def violation(self, x: Any) -> float:
        """The largest violation of a row or bound, relative to its size."""
        import numpy as np

        worst = 0.0
        for low, value, high in ((self.lower, x, self.upper), (self.least, self.matrix @ x, self.most)):
            if len(value):
                # One more, because a bound of zero gives nothing to be relative to.
                size = 1 + np.maximum(
                    np.abs(np.where(np.isfinite(low), low, 0)), np.abs(np.where(np.isfinite(high), high, 0))
                )
                worst = max(worst, float((np.maximum(low - value, value - high) / size).max()))
        return worst


def _rows(rows: list[Any], columns: int) -> tuple[Any, Any, Any]:
    """(sparse matrix, least, most) of the constraints."""
    import numpy as np
    from scipy.sparse import csr_array

    least, most = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
    data: list[float] = []
    at_row: list[int] = []
    at_column: list[int] = []
    for number, (terms, relation, value) in enumerate(rows):
        if relation != "<=":
            least[number] = value
        if relation != ">=":
            most[number] = value
        for column, factor in terms:
            data.append(factor)
            at_row.append(number)
            at_column.append(column)
    matrix = csr_array((data, (at_row, at_column)), shape=(len(rows), columns), dtype=float)
    return matrix, least, most


def _without_objective(program: _Program) -> dict[str, Any]:
    """Unbounded if any point is feasible, infeasible if none is.

    A rational mixed-integer program whose relaxation is unbounded and which has a feasible point is unbounded (Meyer 1974).
    """
    import numpy as np

    solution = program.solve(np.zeros(program.columns), program.integral, program.lower, program.upper)
    if solution.status == _OPTIMAL:
        return {"status": "unbounded"}
    return {"status": "infeasible"} if solution.status == _INFEASIBLE else {"failed": f"solver: {solution.message}"[:300]}


def _value(program: _Program, cost: Any, x: Any, sign: float, offset: float) -> dict[str, Any]:
    """The optimum at whole integers; a failure where rounding them leaves the constraints."""
    import numpy as np

    if program.integral.any():
        whole = program.integral.astype(bool)
        rounded = np.where(whole, np.round(x), x)
        if float(np.abs(rounded - x).max()) > _INTEGRAL_WITHIN:
            return {"failed": "solver: integers that are none"}
        lower, upper = np.where(whole, rounded, program.lower), np.where(whole, rounded, program.upper)
        solution = program.solve(cost, np.zeros(program.columns, dtype=int), lower, upper)
        if solution.status != _OPTIMAL or solution.x is None:
            return {"failed": "solver: no solution at whole integers"}
        x = np.where(whole, rounded, solution.x)  # a fixed 3 may come back as 2.9999999
    if program.violation(x) > FEASIBLE_WITHIN:
        return {"failed": "solver: a solution that violates the model"}
    return {"status": "optimal", "value": sign * float(cost @ x) + offset}
