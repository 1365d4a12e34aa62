"""The verifier `state_prefix`: how far a solution goes along a known-correct one, by the values that it computes.

Method: Self-Sampled Correct and Partially-Correct Solutions (Ni et al. 2023). `steps` reads calculation steps from text,
`trace` runs a program statement by statement in the sandbox, `match` compares states, `verifier` makes verdicts of them.
"""

from pipelines.verify.state_prefix.verifier import StatePrefixVerifier

__all__ = ["StatePrefixVerifier"]
