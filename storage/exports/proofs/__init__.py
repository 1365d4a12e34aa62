"""Exports of proofs."""
