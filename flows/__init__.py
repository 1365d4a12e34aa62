"""Orchestration: the command line, the Prefect flows and their jobs. The only place where steps and storage meet."""

if __name__ == "flows":  # found because the checkout is on the path
    raise ImportError("import rollmill.flows")

from rollmill.places import CHECKOUT

__all__ = ["CHECKOUT"]
