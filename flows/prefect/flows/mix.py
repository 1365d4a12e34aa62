"""The flow `mix`: dataset versions mixed into one."""

from typing import Any

from prefect import flow

from rollmill.flows.prefect.flows.carrying import JobOptions, carry_out


@flow(name="mix", persist_result=False)
def mix(recipe: str, options: JobOptions | None = None) -> dict[str, Any]:
    """Mix versions of datasets into a new one: select, gate, publish.

    Args:
        recipe: Path of the mixture's recipe.
        options: Overrides, profile, limits and workspace.
    """
    return carry_out("mix", recipe, options or JobOptions())
