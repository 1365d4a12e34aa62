"""Pilots of mixtures, and laws that predict the loss at other shares and sizes."""
