"""The certification suite over our verifiers and over graders from PyPI, one table each for mathematics and for programs.

Ours run in this environment, the peers in theirs (`make peers`, or ROLLMILL_PEERS), every one in a child process with the
same limits. The rows are ours; docs/explanation/certification.md says how to read the table.
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.peers.environment import peers_python
from rollmill.pipelines.certify.certificate import Certificate
from rollmill.pipelines.certify.certification import certify
from rollmill.pipelines.certify.suites import select_suite
from rollmill.pipelines.certify.verifier_process import ProcessLimits, VerifierUnderTest

OURS = {"math": ("math", "number"), "code": ("code",)}
PEERS = {
    "math": tuple(f"benchmarks.peers.math_graders:{name}" for name in ("MathVerify", "Inspect", "Hendrycks", "Minerva")),
    "code": tuple(f"benchmarks.peers.code_graders:{name}" for name in ("EvalPlus", "HumanEval")),
}
COLUMNS = ("false_accept", "false_reject", "crash", "hang", "execution", "poisoned", "undecided")
LIMITS = ProcessLimits(cpu_seconds=20.0, wall_seconds=90.0)


def main() -> None:
    """Measure and print one table and one JSON line a suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=sorted(OURS), action="append")
    parser.add_argument("--out", type=Path, help="a folder for every certificate as JSON")
    options = parser.parse_args()
    python = peers_python()
    for suite in options.suite or sorted(OURS):
        subjects = [
            *(VerifierUnderTest(name) for name in OURS[suite]),
            *(VerifierUnderTest(name, python=python) for name in PEERS[suite]),
        ]
        rows = [measured(subject, suite, options.out) for subject in subjects]
        report(suite, rows)


def measured(subject: VerifierUnderTest, suite: str, out: Path | None) -> tuple[Certificate, float]:
    """Certificate of a verifier, and the seconds of the whole suite."""
    started = time.perf_counter()
    result = certify(subject, lambda _: select_suite(subject.name, suite, None, frozenset()), limits=LIMITS)
    seconds = time.perf_counter() - started
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        name = result.verifier.replace(" ", "_")
        (out / f"{suite}-{name}.json").write_text(json.dumps(result.to_json(), indent=1))
    print(f"{result.verifier}: {seconds:.0f} s", file=sys.stderr)
    return result, seconds


def report(suite: str, rows: list[tuple[Certificate, float]]) -> None:
    """Counts with their denominators, in Markdown, and the same as JSON."""
    print(f"\nsuite {suite}, {len(rows[0][0].results)} rows\n")
    heads = [name.replace("_", " ") for name in COLUMNS]
    print("| verifier | " + " | ".join([*heads, "order matters", "seconds"]) + " |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    for found, seconds in rows:
        cells = [_cell(found.rates()[name]) for name in COLUMNS]
        cells += [str(len(found.asymmetric())), f"{seconds:.0f}"]
        print(f"| {found.verifier} {_short(found.version)} | " + " | ".join(cells) + " |")
    counts = {found.verifier: {name: (found.rates()[name] or {}).get("count") for name in COLUMNS} for found, _ in rows}
    print(json.dumps({suite: counts}))


def _cell(rate: dict[str, float] | None) -> str:
    if rate is None:
        return "-"
    return f"{rate['count']} of {rate['n']}" + (f" [{rate['low']:.1%}, {rate['high']:.1%}]" if rate["count"] else "")


def _short(version: str) -> str:
    return version.split("+", maxsplit=1)[0]


if __name__ == "__main__":
    main()
