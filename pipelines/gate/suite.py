"""The suite of a gate: expectations by name, each on a table, as Great Expectations writes them.

The keys of a recipe's `gate` are a short form: `of_bounds` expands them (`default.yaml.j2`) into what a suite file holds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rollmill.ground.ids import canonical_json
from rollmill.metrics import DRIFT_KINDS, Drift
from rollmill.pipelines.contamination import ContaminationCertificate, Overlaps, RecallFloor
from rollmill.pipelines.gate.tables import COLUMNS

Entry = Mapping[str, Any]
"""An expectation: table, type, kwargs, and perhaps severity, notes (the demand in words) and meta."""
FEWEST = 8  # prompts drawn several times from which their share is judged
TYPES = "expect_columns_to_have_types"
MEASURED = (
    "expect_no_evaluation_problems",
    "expect_planted_copies_to_be_found",
    "expect_drift_to_be_at_most",
    "expect_draws_of_prompts_to_differ",
)
"""Expectations of numbers that a gate has before them."""


OURS: Mapping[str, Sequence[str]] = {
    "expect_columns_to_have_types": ("types",),
    "expect_one_reference_of_each_prompt": ("prompt_column", "reference_column", "tests_column", "id_column"),
    "expect_no_evaluation_problems": ("evaluation", "overlap", "prompt_column", "texts_column", "id_column"),
    "expect_planted_copies_to_be_found": ("evaluation", "min_recall", "max_false_flags", "edits", "copies", "texts_column"),
    "expect_column_shares_to_be_between": ("column", "shares"),
    "expect_drift_to_be_at_most": ("kind", "max_value", "before"),
    "expect_pass_rates_to_be_between": ("min_value", "max_value", "least_judged", "id_column"),
    "expect_draws_of_prompts_to_differ": ("max_share", "prompt_column", "texts_column"),
}
"""Expectations of ours (rollmill.pipelines.gate.expectations) with their parameters."""


@dataclass(frozen=True, slots=True)
class GateMeasurements:
    """Measurements that a gate made of the rows before its expectations, as its report shows them too."""

    size: int = 0
    overlaps: Overlaps = field(default_factory=Overlaps)
    certificate: ContaminationCertificate | None = None
    drifts: Sequence[Drift] = ()
    replies: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateBounds:
    """The keys of `gate` in a recipe (rollmill.flows.recipe.schema says what each means), as options of a gate."""

    max_undecided: float = 0.01
    min_kept: int = 1
    level_shares: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    contamination: RecallFloor | None = None
    max_drift: Mapping[str, float] = field(default_factory=dict)
    max_one_text: float = 1.0
    least: float = 0.0
    most: float = 1.0
    least_judged: int = 0


def of_bounds(bounds: GateBounds, **known: Any) -> list[Entry]:
    """The expectations of a gate with these bounds.

    Known of the rows: `chain`, the verifiers in words; `drawn`, the planned rollouts; `size`, the number of evaluation
    problems; `before`, the content hash of the version before; `several`, whether enough prompts were drawn several times.
    """
    shares = sorted(bounds.level_shares.items())
    text = _template().render(
        bounds=bounds,
        floor=bounds.contamination,
        columns=COLUMNS,
        kinds=DRIFT_KINDS,
        mostly=float(1 - Decimal(str(bounds.max_undecided))),
        shares={str(level): list(ends) for level, ends in shares},
        levels=", ".join(f"{level}: {low:.0%} to {high:.0%}" for level, (low, high) in shares),
        **known,
    )
    entries: list[Entry] = yaml.load(text, yaml.CSafeLoader)
    return entries


@cache
def _template() -> Any:
    """The template of the gate's own suite."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)  # noqa: S701 (YAML)
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment.from_string(Path(__file__).with_name("default.yaml.j2").read_text(encoding="utf-8"))


def columns_of(suite: Sequence[Entry]) -> set[str]:
    """The columns that expectations may read: every word of their parameters, and defaults of ours.

    Those of numbers that a gate has (`MEASURED`) read none.
    """
    read = canonical_json([own["kwargs"] for own in suite if own["type"] not in MEASURED])
    return {*re.findall(r"\w+", read), "prompt", "reference"}
