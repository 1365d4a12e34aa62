"""Orchestration: the command line, the Prefect flows and what they call. The only place where steps and storage meet."""

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]  # what holds this folder, and beside it recipes/, models/ and dashboards/
