"""Verifiers whose verdict is an opinion: of a model, a person, or votes."""
