"""Synthesis of problems: one file per synthesizer, executable templates under library/."""
