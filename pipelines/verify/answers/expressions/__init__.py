"""Expressions of mathematics: notation, grammar, algebra, quantities."""
