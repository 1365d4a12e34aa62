"""A digest of all that decides which rows a run plans: problems, steps and their models, budget, verdicts."""

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from flows.rounds.spec import RunSpec
from flows.sampling.steps import Step
from pipelines.budget.fixed import Fixed
from pipelines.steps.templates import OUTCOME
from storage.ids import digest128
from storage.records import Origin
from storage.rollouts import Key


def plan_mark(spec: RunSpec, origins: Sequence[Origin], at_once: Sequence[Key]) -> str:
    """12 hex digits. `origins`: of the steps that an engine draws; `at_once`: the verifiers that judge while it is drawn.

    Batch sizes and limits are left out, as they change no row, and so is what is done once everything is drawn.
    """
    planned = {
        "problems": sorted({problem.id for problem in spec.problems}),
        "steps": [_step(step) for step in spec.every_step()],
        "models": [[origin.engine, origin.model_digest] for origin in origins],
        "seed": [spec.recipe_seed, spec.stream],
        # The second place held an option that is gone; without it the marks of all earlier plans would change.
        "imported": [spec.imported, None],
        "budget": [spec.budget.name, spec.budget.version, options_of(spec.budget)],
        "verdicts": [list(at_once), spec.planning.name, spec.planning.version] if _goes_by_verdicts(spec) else [],
    }
    return digest128(["plan", planned])[:12]


def _goes_by_verdicts(spec: RunSpec) -> bool:
    """Whether the budget or a step may look at what was judged: of a plan that does not, no policy can change a row."""
    nodes = [] if spec.graph is None else spec.graph.follow_ups
    condition_fields = [condition.field for node in nodes for condition in node.conditions]
    place_fields = [place.field for node in nodes for place in node.places]
    return spec.budget.name != Fixed.name or OUTCOME in (*condition_fields, *place_fields)


def _step(step: Step) -> list[Any]:
    return [step.name, asdict(step.sampling), asdict(step.form), None if step.node is None else asdict(step.node.step)]


def options_of(part: Any) -> dict[str, Any]:
    """The options a part was built with, as far as it says: a dataclass's fields, else its public attributes."""
    if is_dataclass(part) and not isinstance(part, type):
        return asdict(part)
    return {name: repr(value) for name, value in sorted(vars(part).items()) if not name.startswith("_")}
