"""Upkeep of dataset versions: sharing, repair, marks, freeing of space."""
