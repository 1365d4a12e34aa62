"""Mixtures: one dataset version of several sources with declared shares."""
