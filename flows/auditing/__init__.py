"""Audits of verifiers: random rollouts for people to judge, and planted errors that a verifier should reject."""
