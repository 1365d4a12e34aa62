"""The certificate of a verifier on a suite: failing rows, counts by section, rates with exact intervals.

The rows are our choice, so a rate holds for this suite and not for natural rollouts (an audit measures those). Its interval
is Clopper-Pearson's, as if the rows were drawn from cases like them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from rollmill.pipelines.certify.edits_suite import flip_rates, flips_by_form, kind_rates
from rollmill.pipelines.certify.selection import selection
from rollmill.pipelines.certify.suite_rows import SECTIONS, SuiteRow
from rollmill.pipelines.certify.verifier_process import VerifierObservation
from rollmill.stats import clopper_pearson

Fault = Literal["false_accept", "false_reject", "misread", "crash", "hang", "execution", "poisoned"]
FAULTS: tuple[Fault, ...] = get_args(Fault)


@dataclass(frozen=True, slots=True)
class CertificationResult:
    """A row with its observation: `ran` names the payloads that ran, `poisoned` the probe that went wrong after it."""

    row: SuiteRow
    observation: VerifierObservation
    ran: tuple[str, ...] = ()
    poisoned: str = ""

    def faults(self) -> tuple[Fault, ...]:
        """Faults of this row; a policy row's verdict is never wrong."""
        faults: list[Fault] = []
        if self.observation.state != "judged":
            faults.append("hang" if self.observation.state == "hang" else "crash")
        elif self.row.expected == "wrong" and self.observation.outcome == "correct":
            faults.append("false_accept")
        # Undecided rejects nothing: the row goes to the next verifier or to a person.
        elif self.row.expected == "correct" and self.observation.outcome in ("incorrect", "unparsed"):
            faults.append("false_reject")
        elif self.row.exact is not None and self.observation.outcome != self.row.exact:
            faults.append("misread")
        if self.ran:
            faults.append("execution")
        if self.poisoned:
            faults.append("poisoned")
        return tuple(faults)

    def line(self) -> str:
        """Description of the result for a person."""
        outcome, detail = self.observation.outcome, self.observation.detail
        parts = [f"{outcome} ({detail})" if outcome and detail else outcome or detail]
        parts += [f"ran: {', '.join(self.ran)}"] if self.ran else []
        parts += [f"then {self.poisoned}"] if self.poisoned else []
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A verifier's results on one suite."""

    verifier: str
    version: str
    suite: str
    results: tuple[CertificationResult, ...]

    @property
    def clean(self) -> bool:
        """No fault in any row. Undecided rows are counted and are not a fault."""
        return not any(result.faults() for result in self.results)

    def failing(self) -> list[CertificationResult]:
        """The rows with a fault, in order."""
        return [result for result in self.results if result.faults()]

    def sections(self) -> list[dict[str, Any]]:
        """Counts by section, in the suite's order, sections without rows left out."""
        rows = []
        for section in SECTIONS:
            here = [result for result in self.results if result.row.section == section]
            if here:
                rows.append({"section": section, "rows": len(here), **_counts(here)})
        # Only a row with one exact outcome can be misread; elsewhere the column would hold zeros.
        if any(result.row.exact for result in self.results):
            return rows
        return [{name: count for name, count in row.items() if name != "misread"} for row in rows]

    def rates(self) -> dict[str, dict[str, Any] | None]:
        """Every fault with its count, its denominator and a 95% interval; the same for undecided."""
        must = {
            # Only a row that must be rejected can show a false accept, so each rate has its own denominator.
            "false_accept": _expecting(self.results, "wrong"),
            "false_reject": _expecting(self.results, "correct"),
            "misread": sum(result.row.exact is not None for result in self.results),
        }
        counts = _counts(self.results)
        return {name: _rate(counts[name], must.get(name, len(self.results))) for name in (*FAULTS, "undecided")}

    def asymmetric(self) -> list[tuple[SuiteRow, str, str]]:
        """Pairs called right in one order of the two texts and wrong in the other: (row, one outcome, the other)."""
        first: dict[int, CertificationResult] = {}
        pairs = []
        for result in self.results:
            if result.row.pair is None:
                continue
            # The first row of a pair meets itself here, and one outcome alone never counts.
            other = first.setdefault(result.row.pair, result)
            outcomes = {other.observation.outcome, result.observation.outcome}
            if "correct" in outcomes and outcomes & {"incorrect", "unparsed"}:
                pairs.append((other.row, str(other.observation.outcome), str(result.observation.outcome)))
        return pairs

    def policies(self) -> list[tuple[str, str, str]]:
        """(name, the texts, the outcome) of the rows whose verdict is a matter of policy."""
        return [
            (result.row.name, result.row.shown(40), result.observation.outcome or result.observation.state)
            for result in self.results
            if result.row.section == "policy"
        ]

    def flips(self) -> dict[str, Any] | None:
        """Verdict flips by form of edit, and their rates with an interval over forms; None for any other suite."""
        if self.suite != "edits":
            return None
        # `with_threads` adds the plain probes to every suite; they are no edits.
        edited = [result for result in self.results if result.row.section != "threads"]
        forms = flips_by_form((r.row.name, r.row.expected == "correct", r.observation.outcome) for r in edited)
        return {"rates": flip_rates(forms), "kinds": kind_rates(forms), "forms": [asdict(form) for form in forms]}

    def selection(self) -> dict[str, Any] | None:
        """Result of a suite `selected`: false accepts among natural wrong answers and among the best of n (`selection`)."""
        if self.suite != "selected":
            return None
        asked = [result for result in self.results if result.row.section != "threads"]
        return selection((r.row.prompt, r.row.name, r.observation.outcome == "correct") for r in asked)

    def to_json(self) -> dict[str, Any]:
        """Certificate as plain data."""
        return {
            "verifier": self.verifier,
            "version": self.version,
            "suite": self.suite,
            "clean": self.clean,
            "rows": len(self.results),
            "sections": self.sections(),
            "rates": self.rates(),
            "failing": [_failing_json(result) for result in self.failing()],
            "asymmetric": [[_printable(row.reference), _printable(row.text), *both] for row, *both in self.asymmetric()],
            "policy": [list(row) for row in self.policies()],
            "flips": self.flips(),
            "selection": self.selection(),
        }


def _failing_json(result: CertificationResult) -> dict[str, Any]:
    row = result.row
    texts = {"reference": _printable(row.reference), "text": _printable(row.text)}
    facts = {"faults": list(result.faults()), "seen": asdict(result.observation), "ran": list(result.ran)}
    expected = row.exact or row.expected
    return {"section": row.section, "name": row.name, "expected": expected, **texts, **facts, "then": result.poisoned}


def _printable(text: str) -> str:
    """The beginning of a text in characters that every file can hold."""
    # Hostile texts hold lone surrogates, which UTF-8 cannot encode, and some are megabytes long.
    return text[:1_000].encode("utf-8", "backslashreplace").decode()


def _counts(results: Sequence[CertificationResult]) -> Mapping[str, int]:
    faults = [fault for result in results for fault in result.faults()]
    counts: dict[str, int] = {fault: faults.count(fault) for fault in FAULTS}
    counts["undecided"] = sum(result.observation.outcome == "undecided" for result in results)
    return counts


def _expecting(results: Sequence[CertificationResult], expected: str) -> int:
    return sum(result.row.expected == expected for result in results)


def _rate(count: int, n: int) -> dict[str, Any] | None:
    estimate = clopper_pearson(count, n, estimand="rows of this suite")
    if estimate is None:
        return None
    return {"count": count, "n": n, "rate": estimate.value, "low": estimate.low, "high": estimate.high}
