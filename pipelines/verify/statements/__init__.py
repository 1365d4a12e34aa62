"""Statements of an answer in a text, and which of them the text retracts."""
