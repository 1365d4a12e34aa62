"""Upkeep of segments: compaction, and a rebuilt registry."""
