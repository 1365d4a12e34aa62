"""The verifier `optimization`: linear and mixed-integer models, solved and compared by their optimum. No modelling."""

from pipelines.verify.optimization.optimization_verifier import OptimizationVerifier

__all__ = ["OptimizationVerifier"]
