"""Statements of an answer: which of those that a text makes it lets stand."""
