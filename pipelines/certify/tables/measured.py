"""Measured error rates of the shipped verifiers, by name and version: what cards and pages say where nobody audited.

`python benchmarks/numbers/measured.py` measures them and writes measured.json. Only the version that was measured has
figures, as a verifier's version names all that can change a verdict.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from rollmill.stats import clopper_pearson

TABLE = Path(__file__).with_name("measured.json")
KEPT = ("false_accept", "false_reject", "undecided")


@cache
def measured_rates() -> Mapping[str, Mapping[str, Any]]:
    """The figures by verifier."""
    table: dict[str, dict[str, Any]] = json.loads(TABLE.read_text(encoding="utf-8"))
    return table


def measured(verifier: str, version: str) -> Mapping[str, Any] | None:
    """The figures of one version of a verifier; None if this version was not measured."""
    row = measured_rates().get(verifier)
    return row if row is not None and row["version"] == version else None


def row_of(certificate: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a certificate (`rollmill certify NAME --json`), for the table."""
    rates = {name: certificate["rates"][name] for name in KEPT}
    return {
        "version": certificate["version"],
        "suite": certificate["suite"],
        "rows": certificate["rows"],
        "faults": len(certificate["failing"]),
        **{name: rate and rate_of(rate["count"], rate["n"]) for name, rate in rates.items()},
    }


def rate_of(count: int, n: int) -> dict[str, float] | None:
    """A count with its denominator and Clopper-Pearson's 95% interval; None without trials."""
    rate = clopper_pearson(count, n)
    return (
        None
        if rate is None
        else {"count": count, "n": n, "low": float(f"{rate.low:.4g}"), "high": float(f"{rate.high:.4g}")}
    )
