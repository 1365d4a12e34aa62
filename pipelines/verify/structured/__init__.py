"""Verifiers of structured answers: JSON and optimisation models."""
