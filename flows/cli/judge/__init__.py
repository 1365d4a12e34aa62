"""Verbs that judge stored rollouts."""
