"""Queries of dataset versions."""
