"""Queries of published work: claims that were checked in a workspace, and the table of papers of the program."""
