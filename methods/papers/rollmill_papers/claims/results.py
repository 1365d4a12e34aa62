"""Results of checked claims as JSON values: one file per claim in reports/claims, for `claims show` and dashboards.

The files hold no time, path or run id: a check with the same result changes no file. They can be made again from the
stored completions at any time.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rollmill.methods import ClaimFinding, Effect, digits, json_text, status, write_text
from rollmill_papers.claims.boards import FOLDER
from rollmill_papers.claims.claim import Claim, findings

Row = dict[str, Any]


def result_of(claim: Claim, measured: Mapping[int, Sequence[Effect]], lacking: str = "") -> Row:
    """The result of a claim from the results of each seed; `lacking`: why seeds gave nothing, "" if all of them did."""
    seeds = sorted(measured)
    claim_findings = [] if lacking else findings(claim, [measured[seed] for seed in seeds])
    effects = [
        {**_finding(finding), "by_seed": [_effect(seed, measured[seed][at]) for seed in seeds]}
        for at, finding in enumerate(claim_findings)
    ]
    return {**claim_row(claim), "status": status(claim_findings), "why": lacking, "seeds": seeds, "effects": effects}


def claim_row(claim: Claim) -> Row:
    """Row of a claim before any measurement."""
    return {
        "claim": claim.name,
        "board": claim.board,
        "source": claim.source,
        "says": claim.says,
        "statement": claim.statement,
        "pools": list(claim.pools),
        "reach": claim.reach,
        "expected": [
            {
                "effect": prediction.effect,
                "sign": prediction.sign,
                "tolerance": prediction.tolerance,
                "words": prediction.words,
            }
            for prediction in claim.expected
        ],
    }


def _finding(finding: ClaimFinding) -> Row:
    return {
        "effect": finding.expected.effect,
        "value": digits(finding.value),
        "low": _end(finding.low),
        "high": _end(finding.high),
        "met": finding.met,
        "seeds": finding.seeds,
        "n": finding.n,
        "status": finding.status,
        "why": finding.why,
    }


def _effect(seed: int, effect: Effect) -> Row:
    return {
        "seed": seed,
        "value": digits(effect.value),
        "low": _end(effect.low),
        "high": _end(effect.high),
        "n": effect.n,
    }


def _end(value: float | None) -> float | None:
    """An end of an interval; none if nothing bounds it."""
    return None if value is None or not math.isfinite(value) else digits(value)


def write_results(root: Path, rows: Sequence[Row]) -> None:
    """Write one file per claim."""
    for row in rows:
        write_text(root / FOLDER / f"{row['claim']}.json", json_text(row))
