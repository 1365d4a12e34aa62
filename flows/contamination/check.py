"""`rollmill contamination check`: a training set against a benchmark, with a certificate of what the check would find.

The report is plain data; that of a dataset version is stored with the version.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from rollmill.flows.contamination.sources import ComparedSource, benchmark_of, source_of
from rollmill.ground.ids import digest128
from rollmill.pipelines.contamination import (
    CLASSES,
    METHODS,
    ContaminationCertificate,
    Hit,
    Overlaps,
    ProblemText,
    RecallFloor,
    Scan,
    certify,
)
from rollmill.storage.versions.checks import keep_check
from rollmill.storage.workspace import Workspace

SHOWN = 1_000  # leaks that a report names
HOSTS = 1_000  # answers of the training set that copies are put into
KINDS = ("problem", "completion")


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Pair of data sets to compare. `map`: the columns of files; `floor`: the recall that the certificate must show."""

    root: Path
    train: str
    benchmark: str
    map: Mapping[str, str] = field(default_factory=dict)
    benchmark_map: Mapping[str, str] = field(default_factory=dict)
    copies: int = 200
    seed: int = 0
    floor: RecallFloor | None = None


def check_contamination(request: CheckRequest) -> dict[str, Any]:
    """The report: counts by class and by method, the leaks, the certificate. Kept with a dataset version."""
    with Workspace.open(request.root) as workspace:
        train = source_of(workspace, request.train, request.map)
        name, problems = benchmark_of(workspace, request.benchmark, request.benchmark_map)
        digest = digest128(["benchmark", sorted(problem.id for problem in problems)])
        scan, overlaps = Scan(problems), Overlaps()
        for questions, answers in train.tables():
            scan.problems([questions], overlaps)
            scan.completions([answers], overlaps)
        certificate = certify(problems, _hosts(train), copies=request.copies, seed=request.seed)
        report = {
            "train": {"name": train.name, **{f"{kind}s": overlaps.rows[kind] for kind in KINDS}, "graphs": overlaps.graphs},
            "benchmark": {
                "name": name,
                "problems": len(problems),
                "digest": digest,
                "graphs": sum(ProblemText.of(problem).graph is not None for problem in problems),
                "leaking": len(overlaps.problems),
            },
            "classes": {
                kind: {overlap_class: overlaps.classes[kind, overlap_class] for overlap_class in CLASSES} for kind in KINDS
            },
            "methods": {kind: {method: overlaps.methods[kind, method] for method in METHODS} for kind in KINDS},
            "leaks": [_row(kind, hit) for kind, hit in overlaps.leaks[:SHOWN]],
            "new_numbers": [_row(kind, hit) for kind, hit in overlaps.new_numbers],
            "certificate": certificate.json(),
            "failures": failures(overlaps, certificate, request.floor),
        }
        version = None if train.scope is None else train.scope.version
        return report if version is None else {**report, "kept_at": str(keep_check(version, name, digest, report))}


def failures(overlaps: Overlaps, certificate: ContaminationCertificate, floor: RecallFloor | None) -> list[str]:
    """Reasons that the check fails, one line each; empty if it passes."""
    lines = []
    if overlaps.leaks:
        rows = f"{len(overlaps.leaks):,} row{'s' if len(overlaps.leaks) > 1 else ''}"
        lines.append(f"{rows} leak {len(overlaps.problems):,} of the benchmark's problems")
    if floor is not None and not floor.holds(certificate):
        lines.append(f"recall of planted copies is not shown to be {floor.min_recall:.2f} or more")
    return lines


def _hosts(train: ComparedSource) -> list[str]:
    """The first answers of the training set."""
    texts = chain.from_iterable(answered["text"].to_pylist() for _, answered in train.tables())
    return list(islice(filter(None, texts), HOSTS))


def _row(kind: str, hit: Hit) -> dict[str, Any]:
    return {
        "kind": kind,
        "row": hit.row,
        "class": hit.overlap,
        "benchmark_problem": hit.evaluation_id,
        "share": round(hit.share, 4),
        "by": list(hit.by),
    }
