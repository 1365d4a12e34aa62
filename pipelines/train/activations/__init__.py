"""Activations and gradients of the shipped model's architecture with NumPy alone, for choices of rows."""
