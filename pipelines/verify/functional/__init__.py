"""Verifiers of programs made of a problem's solution: variants of the problem, and tools."""
