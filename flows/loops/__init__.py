"""Loops: rounds that draw from a model, publish what was kept, train the next model on it, and evaluate it."""
