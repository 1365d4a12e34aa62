"""Sweeps: settings, prompts or models as arms, chosen on half of the problems and reported on the other half."""
