"""The flow `evaluate`: every benchmark of an evaluation asked of every model."""

from typing import Any

from prefect import flow

from rollmill.flows.prefect.flows.carrying import JobOptions, carry_out


@flow(name="evaluate", persist_result=False)
def evaluate(recipe: str, options: JobOptions | None = None) -> dict[str, Any]:
    """Ask every benchmark of an evaluation of every model: draw, verify, score for each cell.

    Args:
        recipe: Path of the evaluation, such as recipes/evaluations/arithmetic.yaml.
        options: Overrides, profile, limits and workspace.
    """
    return carry_out("evaluate", recipe, options or JobOptions())
