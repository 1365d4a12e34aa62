"""Synthesizers of families of problems that programs define, each with a computed reference."""
