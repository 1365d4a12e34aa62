"""Exports of preference pairs."""
