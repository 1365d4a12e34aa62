"""Recipes and profiles: what may be written in them, and how they are read."""
