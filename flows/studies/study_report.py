"""Result of a study: numbers with intervals, the verdict by the recipe's predictions, and the report as Markdown."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.flows.studies.effects import Effect
from rollmill.flows.studies.findings import ClaimFinding, Status, finding, status
from rollmill.flows.studies.study_recipe import LoadedStudy
from rollmill.ground.files import json_text, write_text
from rollmill.ground.ids import digits
from rollmill.pipelines.train.measures.bench import Measured
from rollmill.stats import Estimate

Row = dict[str, Any]
VERDICTS: Mapping[Status, str] = {
    "reproduced": "holds",
    "contradicted": "does not hold here",
    "inconclusive": "cannot be seen on this model",
    "not measured": "not measured",
}
"""A study's verdict for each status of its predictions."""


def study_row(study: LoadedStudy, measured: Measured, data: Mapping[str, str]) -> Row:
    """The numbers of a study as JSON values."""
    return {
        "study": study.recipe.name,
        "recipe_hash": study.recipe_hash,
        "measure": study.measure.name,
        "data": dict(data),
        "effects": {name: number_row(value) for name, value in measured.effects.items()},
        "table": {name: number_row(value) for name, value in measured.table.items()},
    }


def number_row(estimate: Estimate) -> Row:
    """An estimate as JSON values; None for an end that nothing bounds."""
    ends = {"low": estimate.low, "high": estimate.high}
    return {
        "value": digits(estimate.value),
        **{name: digits(end) if math.isfinite(end) else None for name, end in ends.items()},
        "n": estimate.n,
        "estimand": estimate.estimand,
        "method": estimate.method,
    }


def judged(study: LoadedStudy, result: Row) -> Row:
    """A result with paper, claim, predictions and verdict."""
    claimed = [_finding(expected, result["effects"][expected.effect]) for expected in study.expected]
    recipe = study.recipe
    return {
        **result,
        "paper": recipe.paper.model_dump(),
        "claim": recipe.claim,
        "reach": recipe.reach,
        "expected": [
            {
                "effect": effect.expected.effect,
                "words": effect.expected.words,
                "verdict": VERDICTS[effect.status],
                "why": effect.why,
            }
            for effect in claimed
        ],
        "verdict": VERDICTS[status(claimed)],
    }


def _finding(expected: Any, row: Row) -> ClaimFinding:
    return finding(expected, [Effect(row["value"], row["n"], row["low"], row["high"])])


def write_study(folder: Path, outcome: Row) -> list[Path]:
    """Write NAME.json and NAME.md into a folder; their paths."""
    paths = [folder / f"{outcome['study']}{suffix}" for suffix in (".json", ".md")]
    folder.mkdir(parents=True, exist_ok=True)
    write_text(paths[0], json_text(outcome))
    write_text(paths[1], f"# {outcome['paper']['title']}\n\n" + study_page(outcome))
    return paths


def study_page(outcome: Mapping[str, Any]) -> str:
    """A result as Markdown, without a title."""
    paper = outcome["paper"]
    lines = [
        f"{paper['source']}. The paper reports: {paper['reports']}\n",
        f"Claim: {outcome['claim']}\n",
        f"**{outcome['verdict'].capitalize()}.**\n",
        "| effect | predicted | measured [95%] | n | verdict |",
        "|---|---|---|---|---|",
        *(
            f"| {row['effect']} | {row['words']} | {number_text(outcome['effects'][row['effect']])} "
            f"| {outcome['effects'][row['effect']]['n']:,} | {row['verdict']} |"
            for row in outcome["expected"]
        ),
    ]
    if outcome["table"]:
        lines += ["", "| number | value [95%] | n |", "|---|---|---|"]
        lines += [f"| {name} | {number_text(row)} | {row['n']:,} |" for name, row in outcome["table"].items()]
    return "\n".join([*lines, "", f"It cannot say: {outcome['reach']}\n"])


def number_text(row: Mapping[str, Any]) -> str:
    """A number with its interval."""
    ends = ["-∞" if row["low"] is None else f"{row['low']:.3g}", "∞" if row["high"] is None else f"{row['high']:.3g}"]
    return f"{row['value']:.3g}" if row["low"] is None is row["high"] else f"{row['value']:.3g} [{', '.join(ends)}]"
