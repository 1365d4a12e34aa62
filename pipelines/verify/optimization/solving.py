"""Solves a model in a worker process: its optimum, or that it has none.

HiGHS through `scipy.optimize.milp`, without a relative gap: its default would stop within 0.01% of the optimum. Then the
integers are rounded and fixed and the rest is solved again, so that a value rests on integers and not on 2.9999995. What
the solver calls "unbounded or infeasible" is told apart by solving without an objective.
"""

from typing import Any

FEASIBLE_WITHIN = 1e-6
"""Relative to the row: how far a solution may violate a constraint before its value is not believed."""
_INTEGRAL_WITHIN = 1e-5
_OPTIMAL, _LIMIT, _INFEASIBLE, _UNBOUNDED = 0, 1, 2, 3


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
    sign = -1.0 if question["sense"] == "max" else 1.0
    program = _Program(question, columns)
    solution = program.solve(sign * cost, program.integral, program.lower, program.upper)
    if solution.status in (_UNBOUNDED, 4):
        return _without_objective(program)
    if solution.status == _INFEASIBLE:
        return {"status": "infeasible"}
    if solution.status != _OPTIMAL or solution.x is None:
        return {"failed": f"solver: {solution.message}"[:300]}
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
    """Unbounded where any point is feasible, infeasible where none is.

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
        x = np.where(whole, rounded, solution.x)
    if program.violation(x) > FEASIBLE_WITHIN:
        return {"failed": "solver: a solution that violates the model"}
    return {"status": "optimal", "value": sign * float(cost @ x) + offset}
