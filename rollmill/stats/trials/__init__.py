"""Estimators of trials: two arms of trained models over seeds and problems, their design, their looks."""
