"""Queries of models: their versions with lineage, their trainings with loss curves, and evaluations of a family."""
