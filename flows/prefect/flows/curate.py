"""The flow `curate`: a recipe to a dataset version."""

from typing import Any

from prefect import flow

from rollmill.flows.prefect.flows.carrying import JobOptions, carry_out


@flow(name="curate", persist_result=False)
def curate(recipe: str, options: JobOptions | None = None) -> dict[str, Any]:
    """Make a dataset version of a recipe: synthesize, draw, verify, score, select, gate, publish.

    Args:
        recipe: Path of the recipe, such as recipes/arithmetic.yaml.
        options: Overrides, profile, limits and workspace.
    """
    return carry_out("curate", recipe, options or JobOptions())
