"""Queries of verdicts: verifiers, audits, review."""
