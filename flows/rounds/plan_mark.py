"""Digest of everything that determines the planned rows of a run: problems, steps and their models, budget, verdicts."""

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from rollmill.flows.rounds.spec import RunSpec
from rollmill.flows.sampling.steps import Step
from rollmill.ground.ids import digest128
from rollmill.ground.records import Origin
from rollmill.pipelines.budget import reads_verdicts
from rollmill.steps.step_template import OUTCOME
from rollmill.storage.rollouts import Key


def plan_mark(spec: RunSpec, origins: Sequence[Origin], at_once: Sequence[Key]) -> str:
    """Digest of a run's plan, 12 hex digits. `origins`: engines of the drawn steps; `at_once`: verifiers that judge during
    drawing.

    Batch sizes and limits are left out because they change no row; selection and export, because they follow the drawing.
    """
    planned = {
        "problems": sorted({problem.id for problem in spec.problems}),
        "steps": [_step(step) for step in spec.steps],
        "models": [[origin.engine, origin.model_digest] for origin in origins],
        "seed": [spec.recipe_seed, spec.stream],
        # The second place held an option that is gone; without it the marks of all earlier plans would change.
        "imported": [spec.imported, None],
        "budget": [spec.budget.name, spec.budget.version, options_of(spec.budget)],
        "verdicts": [list(at_once), spec.planning.name, spec.planning.version] if _goes_by_verdicts(spec) else [],
    }
    return digest128(["plan", planned])[:12]


def _goes_by_verdicts(spec: RunSpec) -> bool:
    """True if verdicts may change the plan of the budget or of a step; otherwise no policy can change a row."""
    condition_fields = [condition.field for node in spec.graph.follow_ups for condition in node.conditions]
    place_fields = [place.field for node in spec.graph.follow_ups for place in node.places]
    return reads_verdicts(spec.budget) is not False or OUTCOME in (*condition_fields, *place_fields)


def _step(step: Step) -> list[Any]:
    rule = asdict(step.node.step) if step.name else None
    if rule is not None and not rule["sees_label"]:
        del rule["sees_label"]  # it is new: with it the marks of all earlier plans would change
    return [step.name, step.sampling.identity(), asdict(step.form), rule]


def options_of(part: Any) -> dict[str, Any]:
    """The options a part was built with, as far as it says: a dataclass's fields, else its public attributes."""
    if is_dataclass(part) and not isinstance(part, type):
        return asdict(part)
    return {name: repr(value) for name, value in sorted(vars(part).items()) if not name.startswith("_")}
