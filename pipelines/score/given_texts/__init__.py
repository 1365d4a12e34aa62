"""Scorers over texts that a model reads and did not draw: forced answers, pairs of answers, options in a blank,
grades."""
