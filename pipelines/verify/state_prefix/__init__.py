"""The verifier `state_prefix`: how far a solution goes along a known-correct one, by the values that it computes.

Method: Self-Sampled Correct and Partially-Correct Solutions (Ni et al. 2023). `steps` reads calculation steps from text;
`states` traces a program statement by statement in the sandbox and compares states.
"""

from pipelines.verify.state_prefix.state_prefix_verifier import StatePrefixVerifier

__all__ = ["StatePrefixVerifier"]
