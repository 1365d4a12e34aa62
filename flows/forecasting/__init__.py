"""Forecasts of a run's cost and kept rows before it is drawn: pilots, evidence of past runs, accuracy of forecasts."""
