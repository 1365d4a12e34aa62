"""Forecasts of what a budget draws and keeps."""
