"""The quality gate: what a dataset must satisfy before it is published, and the report that says whether it does.

The rules run in Great Expectations over DataFrames of ids, counts and outcomes, never over texts; the report is our own
HTML. The gate reads Arrow tables in the schemas of the segment kinds, of a run or of a version.
"""

from pipelines.gate.gate import Gate, Provenance
from pipelines.gate.report import render_report
from pipelines.gate.rule_engine import Check, GateResult

__all__ = ["Check", "Gate", "GateResult", "Provenance", "render_report"]
