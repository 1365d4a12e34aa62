"""Estimators over repeated draws: pass@k, votes, coverage, budgets."""
