"""Kinds of use."""
