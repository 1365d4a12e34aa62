"""Policies that decide where a tree grows."""
