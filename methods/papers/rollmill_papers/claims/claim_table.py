"""Claims of papers as checks: the paper's statement, the predicted effect with sign and size, and its measure.

`claims.yaml` declares them: sources, sentences, predictions. A file of `rollmill_papers.claims.measures` holds the
measures of one family, pure functions over pools that take every estimate from Rollmill.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.methods import Effect, EffectPrediction
from rollmill_papers.claims.claim import Claim

if TYPE_CHECKING:
    from rollmill_papers.claims.evidence import Evidence

_FAMILIES = (
    "coverage",
    "votes",
    "stopping",
    "budgets",
    "verifiers",
    "selection",
    "intervals",
    "simulations",
)
Measure = Callable[["Evidence"], Sequence[Effect]]
FILE = Path(__file__).with_name("claims.yaml")


def _declared() -> Mapping[str, Claim]:
    """The claims of the shipped file, each with its measure."""
    import yaml

    rows = yaml.load(FILE.read_text(encoding="utf-8"), yaml.CSafeLoader)["claims"]
    return {row["name"]: _claim(row) for row in rows}


@cache
def measures() -> Mapping[str, Measure]:
    """The measures of all families by claim. Loads their modules, which a list of claims does without."""
    return {name: measure for family in _FAMILIES for name, measure in _measures_of(family).items()}


def _measures_of(family: str) -> Mapping[str, Measure]:
    measures: Mapping[str, Measure] = import_module(f"rollmill_papers.claims.measures.{family}").MEASURES
    return measures


def _measured(name: str, evidence: "Evidence") -> Sequence[Effect]:
    return measures()[name](evidence)


def _claim(row: Mapping[str, Any]) -> Claim:
    fields = {key: row[key] for key in ("says", "board", "least", "recorded") if key in row}
    return Claim(
        name=row["name"],
        source=row["source"],
        statement=row["statement"],
        expected=tuple(EffectPrediction(*effect) for effect in row["effects"]),
        measure=partial(_measured, row["name"]),
        reach=row["reach"],
        pools=tuple(row.get("pools", ())),
        **fields,
    )


CLAIMS: Mapping[str, Claim] = _declared()
