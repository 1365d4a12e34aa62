"""The quality gate: what a dataset must satisfy before it is published, and the report that says whether it does.

The gate is a suite of Great Expectations over tables in DuckDB; the report is our own HTML. The gate reads Arrow tables in
the schemas of the segment kinds, of a run or of a version.
"""

from rollmill.pipelines.gate.checks import Check, GateResult
from rollmill.pipelines.gate.gate import Gate, Provenance, check_suite
from rollmill.pipelines.gate.report import render_report
from rollmill.pipelines.gate.suite import GateBounds

__all__ = ["Check", "Gate", "GateBounds", "GateResult", "Provenance", "check_suite", "render_report"]
