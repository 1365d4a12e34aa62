"""Queries that set two measurements side by side."""
