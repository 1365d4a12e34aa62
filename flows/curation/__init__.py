"""Curation, from a recipe to a dataset version: its stages in order, the snapshot to publish, its gate and its reports."""
