"""Verbs that make data: import, plan, curate, evaluate."""
