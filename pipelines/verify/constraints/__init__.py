"""The verifier `constraints`: instructions about the form of a text that a program can check."""

from pipelines.verify.constraints.constraints_verifier import ConstraintsVerifier

__all__ = ["ConstraintsVerifier"]
