"""Estimators over clusters: means, differences, intervals and tests."""
