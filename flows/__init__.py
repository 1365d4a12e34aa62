"""Orchestration: the command line, the Prefect flows and the runner. The only place where steps and storage meet."""
