"""The flow `sweep`: the best of several ways of sampling."""

from typing import Any

from prefect import flow

from rollmill.flows.prefect.flows.carrying import JobOptions, carry_out


@flow(name="sweep", persist_result=False)
def sweep(recipe: str, options: JobOptions | None = None) -> dict[str, Any]:
    """Choose the best of several ways of sampling: synthesize, draw, verify.

    Args:
        recipe: Path of the sweep's recipe.
        options: Overrides, profile, limits and workspace.
    """
    return carry_out("sweep", recipe, options or JobOptions())
