"""Trials: students trained on two or more datasets under equal conditions, compared over seeds and problems."""
