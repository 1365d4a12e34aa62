"""The result of a gate as people and the dashboard read it: checks, each of one or several expectations, with their words.

Everything here is made of the library's validation result, which a version stores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import yaml

from rollmill.ground.files import json_text
from rollmill.pipelines.gate.tables import ROW_ID

SHOWN = 20  # failing rows of a check that the run's record keeps for the dashboard
NAMED = 1_000  # failing rows of a check that a result lists
_SPELLED = {
    "expect_table_row_count_to_be_between": ("min_value", "max_value"),
    "expect_table_row_count_to_equal": ("value",) * 2,
}
"""Expectations of a number of rows, with the parameters that are its ends."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that a check measures, with its lower and upper limit; None: no such end.

    `option`: the gate's option that sets these ends, as a recipe's key below `gate`; empty if no option can.
    """

    what: str
    value: float
    least: float | None = None
    most: float | None = None
    option: str = ""

    @property
    def outside(self) -> bool:
        """True for a number below its least or above its most."""
        return (self.least is not None and self.value < self.least) or (self.most is not None and self.value > self.most)


@dataclass(frozen=True, slots=True)
class Check:
    """Result of a check: its demand, the observation, and the rows against it (at most 1,000 named, all counted);
    in numbers, `measures`.

    `passed` is None for a check that could not run because an earlier one failed, which does not count as passed. A check
    that is not `critical` may fail and the gate pass.
    """

    name: str
    passed: bool | None
    expected: str
    observed: str
    failing: tuple[str, ...] = ()
    failing_count: int = 0
    measures: tuple[Measure, ...] = ()
    severity: str = "critical"

    @property
    def stands(self) -> bool:
        """True for a check that passed, or whose severity lets a dataset be published."""
        return self.passed is True or (self.passed is False and self.severity != "critical")

    def brief(self) -> dict[str, Any]:
        """The record as JSON values, with the first failing rows and the numbers outside their ends."""
        row = {"name": self.name, "passed": self.passed, "expected": self.expected, "observed": self.observed}
        outside = [asdict(measure) for measure in self.measures if measure.outside]
        return {**row, "failing": list(self.failing[:SHOWN]), "failing_count": self.failing_count, "outside": outside}

    def line(self, shown: int = 3) -> str:
        """Summary in one line for a person."""
        state = {True: "passed", False: "FAILED", None: "not run"}[self.passed]
        state = self.severity if self.stands and not self.passed else state
        rows = ", ".join(self.failing[:shown])
        more = self.failing_count - min(shown, len(self.failing))
        tail = f": {rows}{f' and {more:,} more' if more > 0 else ''}" if self.failing and self.passed is False else ""
        return f"{state}  {self.name}: expected {self.expected}, found {self.observed}{tail}"


@dataclass(frozen=True, slots=True)
class GateResult:
    """All checks in order, and what they are made of.

    `facts`: the numbers the report shows: funnel, levels, evaluation overlap. `suite`: every expectation with its table.
    `validation`: the library's ExpectationSuiteValidationResult as JSON.
    """

    checks: tuple[Check, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    engine: str = ""
    suite: Sequence[Mapping[str, Any]] = ()
    validation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """True if every critical check ran and passed."""
        return all(check.stands for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The critical checks that did not pass."""
        return tuple(check for check in self.checks if not check.stands)

    @property
    def json(self) -> dict[str, Any]:
        """The checks and facts as plain JSON values, the same for the same rows."""
        checks = [
            {**asdict(check), "failing": list(check.failing), "measures": [asdict(measure) for measure in check.measures]}
            for check in self.checks
        ]
        return {"passed": self.passed, "engine": self.engine, "checks": checks, "facts": dict(self.facts)}

    def texts(self) -> dict[str, str]:
        """The suite and the library's result, as files of a version."""
        suite = yaml.safe_dump({"expectations": [dict(own) for own in self.suite]}, sort_keys=False, width=1_000)
        return {"suite.yaml": suite, "validation.json": json_text(self.validation)} if self.validation else {}

    def measures(self) -> list[dict[str, Any]]:
        """Every number of every check with its limits, for the manifest and the history of gates."""
        return [{"check": check.name, **asdict(measure)} for check in self.checks for measure in check.measures]

    def lines(self) -> list[str]:
        """The checks that did not pass, one line each; those that are no reason to refuse too."""
        return [check.line() for check in self.checks if check.passed is not True]


def checks_of(validation: Mapping[str, Any]) -> list[Check]:
    """The checks of a validation result: expectations with the same `check` in their meta are one."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for result in validation["results"]:
        groups.setdefault(_name(result), []).append(result)
    return [_check(name, results) for name, results in groups.items()]


def _name(result: Mapping[str, Any]) -> str:
    config = result["expectation_config"]
    table = config["kwargs"]["batch_id"]
    return str(config["meta"].get("check") or f"{config['type']} on {table}{_subject(config)}")


def _subject(config: Mapping[str, Any]) -> str:
    """The column that an expectation is about, for its name."""
    columns = [config["kwargs"].get(key) for key in ("column", "column_A", "column_B")]
    return "".join(f".{column}" for column in columns if column)


def _check(name: str, results: Sequence[Mapping[str, Any]]) -> Check:
    failing: dict[str, None] = {}
    broken = [error for result in results for error in _raised(result["exception_info"] or {})]
    for result in results:
        if not result["success"]:
            failing |= dict.fromkeys(_rows(result))
    counts = sum(result["result"].get("unexpected_count") or 0 for result in results if not result["success"])
    # Rows are named once though several expectations are against them; a list that was cut counts them all.
    count = counts if len(failing) >= NAMED else len(failing)
    config = results[0]["expectation_config"]
    measures = _measures(results, count)
    observed = f"the check broke: {broken[0]}" if broken else _observed(results, count)
    severity = "critical" if any(_severity(result) == "critical" for result in results if not result["success"]) else None
    return Check(
        name,
        all(result["success"] for result in results),
        str(config.get("notes") or _demand(config)),
        observed,
        tuple(failing)[:NAMED],
        count,
        measures,
        severity or _severity(results[0]),
    )


def _severity(result: Mapping[str, Any]) -> str:
    return str(result["expectation_config"].get("severity") or "critical")


def _raised(info: Mapping[str, Any]) -> list[str]:
    """Messages of the library's exceptions: one, or one for each metric that raised."""
    entries = [info] if "raised_exception" in info else info.values()
    return [str(entry.get("exception_message")) for entry in entries if entry.get("raised_exception")]


def _rows(result: Mapping[str, Any]) -> list[str]:
    """The names of rows against an expectation: of the index list, or of listed values that hold the id."""
    config, held = result["expectation_config"], result["result"]
    table = config["kwargs"]["batch_id"]
    listed = held.get("partial_unexpected_index_list") or held.get("partial_unexpected_list") or []
    listed = (held.get("details") or {}).get("unexpected_rows") or listed
    of = f"{table}." if config["type"] == "expect_columns_to_have_types" else ""
    rows = [row for row in listed if isinstance(row, dict)]
    return [f"{of}{row.get(ROW_ID[table], next(iter(row.values()), None)) or '(no id)'}" for row in rows]


def _demand(config: Mapping[str, Any]) -> str:
    """An expectation that says nothing of itself: its name and parameters."""
    kwargs = {key: value for key, value in config["kwargs"].items() if key != "batch_id"}
    listed = ", ".join(f"{key} {value}" for key, value in kwargs.items())
    return f"{config['type'].removeprefix('expect_').replace('_', ' ')} ({listed})" if listed else str(config["type"])


def _observed(results: Sequence[Mapping[str, Any]], count: int) -> str:
    meta = results[0]["expectation_config"]["meta"]
    values = [result["result"].get("observed_value") for result in results]
    tables = [result["expectation_config"]["kwargs"]["batch_id"] for result in results]
    own = [value for value in values if isinstance(value, str)]
    if meta.get("noun") is None and own:
        return own[0]
    if all(isinstance(value, int | float) for value in values):
        many = len(values) > 1
        return ", ".join(
            f"{value:,}{f' {table}' if many else ''}"
            for value, table in zip(values, tables, strict=True)
            if value is not None
        )
    # One number for each table: several expectations are of the same rows.
    counted = [result for result in results if result["expectation_config"]["meta"].get("noun") == meta.get("noun")]
    sizes = {
        result["expectation_config"]["kwargs"]["batch_id"]: result["result"].get("element_count") or 0 for result in counted
    }
    total = sum(sizes.values())
    if "mostly" in results[0]["expectation_config"]["kwargs"]:
        return f"{(results[0]['result'].get('unexpected_count') or 0) / max(1, total):.2%}"
    noun = meta.get("noun") or "rows"
    return f"{count:,} of {total:,} {noun} against it" if count else f"all of {total:,} {noun}"


def _measures(results: Sequence[Mapping[str, Any]], count: int) -> tuple[Measure, ...]:
    """The numbers of a check; of several with one name the lowest. Without a number, the rows against it."""
    measures: dict[str, Measure] = {}
    for result in results:
        config, held = result["expectation_config"], result["result"]
        meta, kwargs = config["meta"], config["kwargs"]
        option, what = meta.get("option", ""), meta.get("what", "")
        for number in (held.get("details") or {}).get("numbers", ()):
            whole = ".".join(filter(None, (option, number["part"])))
            ends = (number["least"], number["most"])
            measures[number["what"]] = Measure(number["what"], number["value"], *ends, whole)
        if config["type"] in _SPELLED and held.get("observed_value") is not None:
            least, most = (kwargs.get(key) for key in _SPELLED[config["type"]])
            known = measures.get(what)
            if known is None or held["observed_value"] < known.value:
                measures[what] = Measure(what or "rows", held["observed_value"], least, most, option)
        elif "mostly" in kwargs and held.get("element_count"):
            share = held["unexpected_count"] / held["element_count"]
            measures[what] = Measure(what or "share of rows", share, None, round(1 - kwargs["mostly"], 12), option)
    what = results[0]["expectation_config"]["meta"].get("what", "rows against it")
    return tuple(measures.values()) or (Measure(what, count, None, 0),)
