"""Runs rules in Great Expectations and turns its results into checks. The only module that imports that library.

The library gets the distinct values of each part of each rule, all parts in one frame: its result for a value holds for all
rows with that value, so a million rows take as long as ten. An ephemeral context, nothing written, nothing sent: analytics
and progress bars are off. The library is imported on first use (it takes seconds).
"""

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.gate.rule_frames import codes, distinct
from pipelines.gate.rules import GatePart, GateRule, Measure
from storage.ground.pool import Ints

SHOWN = 20  # failing rows of a check that the run's record keeps for the dashboard
NAMED = 1_000  # failing rows of a check that a result lists
_NOT_LESS = {"or_equal": True, "ignore_row_if": "either_value_is_missing"}  # an end that there is not
EXPECTED: Sequence[tuple[str, str, dict[str, Any]]] = (
    ("texts", "ExpectColumnPairValuesToBeEqual", {"column_A": "text", "column_B": "equal"}),
    ("numbers", "ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "number", "column_B": "least", **_NOT_LESS}),
    ("numbers", "ExpectColumnPairValuesAToBeGreaterThanB", {"column_A": "most", "column_B": "number", **_NOT_LESS}),
)
"""Sort of values, expectation and arguments, by the names of Great Expectations."""


@dataclass(frozen=True, slots=True)
class Check:
    """Result of a rule: its demand, the observation, and the rows against it (at most 1,000 named, all counted);
    in numbers, `measures`.

    `passed` is None for a check that could not run because an earlier one failed, which does not count as passed.
    """

    name: str
    passed: bool | None
    expected: str
    observed: str
    failing: tuple[str, ...] = ()
    failing_count: int = 0
    measures: tuple[Measure, ...] = ()

    def brief(self) -> dict[str, Any]:
        """The record as JSON values, with the first failing rows and the numbers outside their ends."""
        row = {"name": self.name, "passed": self.passed, "expected": self.expected, "observed": self.observed}
        outside = [asdict(measure) for measure in self.measures if measure.outside]
        return {**row, "failing": list(self.failing[:SHOWN]), "failing_count": self.failing_count, "outside": outside}

    def line(self, shown: int = 3) -> str:
        """Summary in one line for a person."""
        state = {True: "passed", False: "FAILED", None: "not run"}[self.passed]
        rows = ", ".join(self.failing[:shown])
        more = self.failing_count - min(shown, len(self.failing))
        tail = f": {rows}{f' and {more:,} more' if more > 0 else ''}" if self.failing and self.passed is False else ""
        return f"{state}  {self.name}: expected {self.expected}, found {self.observed}{tail}"


@dataclass(frozen=True, slots=True)
class GateResult:
    """All checks in order. `facts` are the numbers the report shows: funnel, levels, evaluation overlap."""

    checks: tuple[Check, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    engine: str = ""

    @property
    def passed(self) -> bool:
        """True if every check ran and passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def json(self) -> dict[str, Any]:
        """The result as plain JSON values, the same for the same rows."""
        checks = [
            {**asdict(check), "failing": list(check.failing), "measures": [asdict(measure) for measure in check.measures]}
            for check in self.checks
        ]
        return {"passed": self.passed, "engine": self.engine, "checks": checks, "facts": dict(self.facts)}

    def measures(self) -> list[dict[str, Any]]:
        """Every number of every check with its limits, for the manifest and the history of gates."""
        return [{"check": check.name, **asdict(measure)} for check in self.checks for measure in check.measures]

    def lines(self) -> list[str]:
        """The checks that did not pass, one line each."""
        return [check.line() for check in self.failed]


class _Values:
    """The distinct values of parts, each with its expectation; `texts` and `numbers` say of which part and the
    how manieth of it each is.
    """

    def __init__(self) -> None:
        self.owners: dict[str, list[tuple[int, int]]] = {"texts": [], "numbers": []}
        self._rows: dict[str, list[dict[str, Any]]] = {"texts": [], "numbers": []}

    def add(self, number: int, part: GatePart) -> Ints:
        """Take the values of part `number`; which of them each row has."""
        if part.equal is None:
            values, which = np.unique(np.asarray(part.values, dtype=np.float64), return_inverse=True)
            rows = [{"number": value, "least": part.least, "most": part.most} for value in values.tolist()]
        else:
            columns = [part.values] if isinstance(part.equal, str) else [part.values, part.equal]
            first, which = distinct([codes(column) for column in columns])
            texts = [column.take(pa.array(first)).to_pylist() for column in columns]
            texts += [[part.equal] * len(first)] if isinstance(part.equal, str) else []
            rows = [{"text": text, "equal": equal} for text, equal in zip(*texts, strict=True)]
        sort = "numbers" if part.equal is None else "texts"
        self.owners[sort] += [(number, place) for place in range(len(rows))]
        self._rows[sort] += rows
        return which.astype(np.min_scalar_type(len(rows)))  # kept until the library has spoken

    def frame(self) -> pd.DataFrame:
        """All of them side by side; the shorter half is filled up with nulls, which expectations pass over."""
        texts = pd.DataFrame(self._rows["texts"], columns=["text", "equal"], dtype=object)
        numbers = pd.DataFrame(self._rows["numbers"], columns=["number", "least", "most"], dtype=np.float64)
        return pd.concat([texts, numbers], axis=1)


class Engine:
    """Ephemeral Great Expectations context; keeps no checked data."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library's own making; ours stay errors in tests
            import great_expectations as gx
            from great_expectations.data_context.types.base import ProgressBarsConfig

            self._gx = gx
            self._context = gx.get_context(mode="ephemeral")
            self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
            asset = self._context.data_sources.add_pandas("gate").add_dataframe_asset("rows")
            self._definition = asset.add_batch_definition_whole_dataframe("all")
        self.name = f"great_expectations {gx.__version__}"

    def check(self, rules: Sequence[GateRule]) -> list[Check]:
        """Run some rules. A library error is a failed check of every rule it touches that says so, never a passed one."""
        values = _Values()
        parts = [(at, part) for at, rule in enumerate(rules) for part in rule.parts]
        which = [values.add(number, part) for number, (_, part) in enumerate(parts)]
        against, broken = self._against(values)
        checks = []
        for at, rule in enumerate(rules):
            own = [number for number, (owner, _) in enumerate(parts) if owner == at]
            errors = [error for number in own for error in broken["numbers" if parts[number][1].equal is None else "texts"]]
            named = [
                parts[number][1].rows.filter(pa.array(np.isin(which[number], against[number])))
                for number in own
                if number in against
            ]
            checks.append(_check(rule, not named and not errors, named, errors))
        return checks

    def _against(self, values: _Values) -> tuple[dict[int, list[int]], dict[str, list[str]]]:
        """Unexpected values by part, and errors of the library by sort of values."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = [
                getattr(self._gx.expectations, name)(**arguments, meta={"sort": sort})
                for sort, name, arguments in EXPECTED
                if values.owners[sort]
            ]
            suite = self._gx.ExpectationSuite(name="gate", expectations=expected)
            batch = self._definition.get_batch(batch_parameters={"dataframe": values.frame()})
            results = batch.validate(suite, result_format="BOOLEAN_ONLY").results
            if not all(result.success for result in results):  # naming the values takes half as long again
                results = batch.validate(suite, result_format="COMPLETE").results
        against: dict[int, list[int]] = {}
        broken: dict[str, list[str]] = {"texts": [], "numbers": []}
        for result in results:
            sort = str(result.expectation_config.meta["sort"])
            for place in result.result.get("unexpected_index_list") or []:
                number, value = values.owners[sort][place]
                against.setdefault(number, []).append(value)
            broken[sort] += _raised(result.exception_info or {})
        return against, broken


def _raised(info: Mapping[str, Any]) -> list[str]:
    """Messages of the library's exceptions: one, or one for each metric that raised."""
    entries = [info] if "raised_exception" in info else info.values()
    return [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]


def _check(rule: GateRule, passed: bool, named: Sequence[pa.Array], errors: Sequence[str]) -> Check:
    chunks = [chunk for rows in named for chunk in (rows.chunks if isinstance(rows, pa.ChunkedArray) else [rows])]
    # Rows without a name are numbers of the whole dataset (Measure.part).
    rows = pc.unique(pa.chunked_array(chunks, pa.string())).drop_null()
    failing = rows[:NAMED].to_pylist() or ([] if passed else list(rule.blamed))
    count = len(rows) or len(failing)
    observed = f"the check broke: {errors[0]}" if errors else rule.observed(count)
    measures = tuple(rule.measures) or (() if not rule.parts else (Measure("rows against it", count, None, 0),))
    return Check(rule.name, passed, rule.expected, observed, tuple(failing[:NAMED]), count, measures)
