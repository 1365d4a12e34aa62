"""Verbs that the groups `dataset` and `model` share."""
