"""What the check of a claim gave, as JSON values: one file per claim in reports/claims, for `claims show` and dashboards.

The files hold no time, path or run id: a check that gives the same changes no file. They can be made again from the stored
completions at any time.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.claims import Claim, Effect, Finding, findings, status
from pipelines.metrics import digits
from storage.files import json_text, write_text
from storage.queries.claims import FOLDER

Row = dict[str, Any]


def result_of(claim: Claim, measured: Mapping[int, Sequence[Effect]], lacking: str = "") -> Row:
    """The result of a claim from what each seed gave; `lacking`: why seeds gave nothing, "" if all of them did."""
    seeds = sorted(measured)
    found = [] if lacking else findings(claim, [measured[seed] for seed in seeds])
    effects = [
        {**_finding(one), "by_seed": [_effect(seed, measured[seed][at]) for seed in seeds]} for at, one in enumerate(found)
    ]
    return {**stated(claim), "status": status(found), "why": lacking, "seeds": seeds, "effects": effects}


def stated(claim: Claim) -> Row:
    """What a claim says before anything is measured."""
    return {
        "claim": claim.name,
        "source": claim.source,
        "statement": claim.statement,
        "pools": list(claim.pools),
        "reach": claim.reach,
        "expected": [
            {"effect": one.effect, "sign": one.sign, "tolerance": one.tolerance, "words": one.words}
            for one in claim.expected
        ],
    }


def _finding(one: Finding) -> Row:
    return {
        "effect": one.expected.effect,
        "value": digits(one.value),
        "low": _end(one.low),
        "high": _end(one.high),
        "met": one.met,
        "seeds": one.seeds,
        "n": one.n,
        "reproduced": one.reproduced,
        "why": one.why,
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
    """An end of an interval; none where nothing bounds it."""
    return None if value is None or not math.isfinite(value) else digits(value)


def write_results(root: Path, rows: Sequence[Row]) -> None:
    """One file per claim."""
    for row in rows:
        write_text(root / FOLDER / f"{row['claim']}.json", json_text(row))
