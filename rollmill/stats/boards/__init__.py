"""Estimators of leaderboards: missing cells, agreement of rankings."""
