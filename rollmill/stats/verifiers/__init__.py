"""Estimators of the error of a verifier, a rater or a score."""
