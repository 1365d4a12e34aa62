"""Runs rules in Great Expectations and turns its results into checks. The only module that imports that library.

An ephemeral context, nothing written, nothing sent: analytics and progress bars are off. The library is imported on first
use (it takes seconds).
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from pipelines.gate.rules import Measure, Part, Rule

SHOWN = 20  # failing rows of a check that the run's record keeps for the dashboard
NAMED = 1_000  # failing rows of a check that a result lists
ROWS_NAMED = {"result_format": "COMPLETE", "unexpected_index_column_names": ["row"]}


@dataclass(frozen=True, slots=True)
class Check:
    """One rule: what it demands, what was found, and the rows against it (at most 1,000 named, all counted); in numbers,
    `measures`.

    `passed` is None for a check that could not run because an earlier one failed: that is no pass.
    """

    name: str
    passed: bool | None
    expected: str
    observed: str
    failing: tuple[str, ...] = ()
    failing_count: int = 0
    measures: tuple[Measure, ...] = ()

    def brief(self) -> dict[str, Any]:
        """As JSON values, with the first failing rows."""
        row = {"name": self.name, "passed": self.passed, "expected": self.expected, "observed": self.observed}
        return {**row, "failing": list(self.failing[:SHOWN]), "failing_count": self.failing_count}

    def line(self, shown: int = 3) -> str:
        """One line for a person."""
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
        """Whether every check ran and passed."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def json(self) -> dict[str, Any]:
        """The result as plain JSON values, the same for the same rows."""
        checks = [
            {**asdict(check), "failing": list(check.failing), "measures": [asdict(one) for one in check.measures]}
            for check in self.checks
        ]
        return {"passed": self.passed, "engine": self.engine, "checks": checks, "facts": dict(self.facts)}

    def measures(self) -> list[dict[str, Any]]:
        """Every number of every check with its ends, for the manifest: what a history of gates is drawn from."""
        return [{"check": check.name, **asdict(measure)} for check in self.checks for measure in check.measures]

    def lines(self) -> list[str]:
        """The checks that did not pass, one line each."""
        return [check.line() for check in self.failed]


class Engine:
    """One ephemeral Great Expectations context; it holds nothing of what it checked."""

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

    def check(self, rule: Rule) -> Check:
        """Run one rule. A library error inside it is a failed check that says so, never a passed one."""
        passed, rows, errors = True, dict[str, None](), list[str]()
        for part in rule.parts:
            for result in self._results(part):
                passed = passed and bool(result.success)
                entries = result.result.get("unexpected_index_list") or []
                rows.update((str(entry["row"]), None) for entry in entries if not pd.isna(entry["row"]))
                info = result.exception_info or {}  # one exception, or one for each metric that raised
                raised = [info] if "raised_exception" in info else info.values()
                errors += [str(entry.get("exception_message")) for entry in raised if entry.get("raised_exception")]
        failing = list(rows) or ([] if passed else list(rule.blamed))
        observed = f"the check broke: {errors[0]}" if errors else rule.observed(len(failing))
        measures = tuple(rule.measures) or (() if not rule.parts else (Measure("rows against it", len(failing), None, 0),))
        return Check(rule.name, passed, rule.expected, observed, tuple(failing[:NAMED]), len(failing), measures)

    def _results(self, part: Part) -> list[Any]:
        classes = self._gx.expectations
        expectations = [getattr(classes, name)(**arguments) for name, arguments in part.expectations]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            suite = self._gx.ExpectationSuite(name="gate", expectations=expectations)
            batch = self._definition.get_batch(batch_parameters={"dataframe": part.frame.reset_index(drop=True)})
            results = list(batch.validate(suite, result_format="BOOLEAN_ONLY").results)
            if all(result.success for result in results):
                return results
            # Naming the rows doubles the time of an expectation, so only one that fails is asked for them.
            return list(batch.validate(suite, result_format=ROWS_NAMED).results)
