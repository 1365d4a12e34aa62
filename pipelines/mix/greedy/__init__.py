"""Greedy methods for submodular values of sets, and their lazy evaluation."""
