"""Exports of pairs of completions: preferred and rejected, better and worse, independent."""
