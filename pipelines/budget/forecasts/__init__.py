"""Forecasts of the completions that a budget draws and keeps."""
