"""The error rates of the shipped verifiers that cards and pages name: writes pipelines/certify/tables/measured.json.

    python benchmarks/numbers/measured.py            # every verifier, its own suite; minutes
    python benchmarks/numbers/measured.py math       # some; the others' figures stay

For `math` also the accepted pairs of real rollouts that a person read (`adjudicated.py`), where those rollouts lie beside
the checkout.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.verifiers.adjudicated import DATA, adjudications, distinct_pairs
from rollmill.pipelines.certify.certification import certify
from rollmill.pipelines.certify.suites import select_suite
from rollmill.pipelines.certify.tables.measured import TABLE, rate_of, row_of
from rollmill.pipelines.certify.verifier_process import ProcessLimits, VerifierUnderTest

VERIFIERS = ("choice", "code", "exact", "math", "number")
LIMITS = ProcessLimits(cpu_seconds=30.0, wall_seconds=120.0)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verifiers", nargs="*", default=list(VERIFIERS))
    table: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    for name in parser.parse_args().verifiers:
        certificate = certify(VerifierUnderTest(name), suite_of(name), limits=LIMITS)
        table[name] = row_of(certificate.to_json())
        if name == "math" and DATA.exists():
            table[name]["read"] = read_pairs()
    TABLE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def suite_of(name: str) -> Any:
    """The suite that a verifier declares, else that of its name."""
    return lambda declared: select_suite(name, None, declared, frozenset())


def read_pairs() -> dict[str, Any]:
    """Accepted pairs of reference and answer that differ in spelling, and those of them that a person judged wrong."""
    judged = adjudications()
    accepted = [(pair["reference"], pair["answer"]) for pair in distinct_pairs() if pair["strict"] == "yes"]
    unread = [pair for pair in accepted if pair not in judged]
    if unread:
        sys.exit(f"{len(unread)} accepted pairs are not in docs/adjudicated_graders.csv, {unread[0]} first")
    wrong = sum(judged[pair]["adjudged"] == "incorrect" for pair in accepted)
    return {**(rate_of(wrong, len(accepted)) or {}), "of": "MathCoder rollouts"}


if __name__ == "__main__":
    main()
