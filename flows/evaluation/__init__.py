"""Evaluations: benchmarks x models drawn in a stream of their own, measured, compared and reported."""
