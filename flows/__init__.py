"""Orchestration: the command line, the Prefect flows and their jobs. The only place where steps and storage meet."""

from pipelines import CHECKOUT

__all__ = ["CHECKOUT"]
