"""Judging of a run: verdicts, scores, decisions."""
