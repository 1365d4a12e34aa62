"""Queries that compare two or more measurements."""
