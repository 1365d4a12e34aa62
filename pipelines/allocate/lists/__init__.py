"""Allocators over lists of demonstrations, and the models by which they judge lists that were never evaluated."""
