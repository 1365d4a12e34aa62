"""Estimators of scaling laws."""
